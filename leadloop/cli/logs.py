"""Logs of the command line: structlog to standard error, so that standard output stays data."""

from __future__ import annotations

import logging
import sys

import structlog

from leadloop.settings import Settings


def start_logs() -> None:
    """Log from the level of the settings upwards. Raises pydantic's error for a bad setting."""
    level = logging.getLevelNamesMapping()[Settings().log_level.upper()]
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False),
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),  # whatever it is when a line comes
    )
    logging.basicConfig(
        stream=sys.stderr, level=level, format="%(asctime)s [%(levelname)s] %(name)s: %(message)s"
    )
