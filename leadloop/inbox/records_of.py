"""Which record an event names: pure, see `journey.records_of`."""

from leadloop.journey.records_of import (
    NAMES_RECORD,
    RECORD_CHANGED,
    concerns,
    record_of,
    runs_for_record,
)

__all__ = ["NAMES_RECORD", "RECORD_CHANGED", "concerns", "record_of", "runs_for_record"]
