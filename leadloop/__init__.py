"""leadloop compiles customer-journey scenarios into durable journeys on Temporal."""

__version__ = "0.1.0"
