"""Logs of the command line: structlog to standard error, so that standard output stays data."""

from __future__ import annotations

import logging
import sys

import structlog
from structlog.contextvars import get_contextvars, merge_contextvars

from leadloop.settings import Settings


class ContextFormatter(logging.Formatter):
    """Adds the ids that were bound where a line of a library was logged: the journey, its turn."""

    def format(self, record: logging.LogRecord) -> str:
        context = "".join(f" {name}={value}" for name, value in sorted(get_contextvars().items()))
        return super().format(record) + context


def start_logs() -> None:
    """Log from the level of the settings upwards. Raises pydantic's error for a bad setting."""
    level = logging.getLevelNamesMapping()[Settings().log_level.upper()]
    structlog.configure(
        processors=[
            merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False),
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),  # whatever it is when a line comes
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(ContextFormatter("%(asctime)s [%(levelname)s] %(name)s: %(message)s"))
    logging.basicConfig(handlers=[handler], level=level)
