"""Rows that a loop could not do, put off for a while, so that they do not hold up those behind them.

A loop that goes through journeys in order would meet the same broken one again and again. What is put
off is remembered by this process only: another one, or this one after a minute, tries again.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import structlog

from leadloop.storage.outages import is_outage

_SECONDS = 60.0
_log = structlog.get_logger()


class PutOff:
    """The rows of one loop that failed a moment ago, by their ids."""

    def __init__(self, loop: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._loop = loop
        self._clock = clock
        self._until: dict[str, float] = {}

    def ids(self) -> list[str]:
        """Return what is not to be tried now."""
        present = self._clock()
        self._until = {row: until for row, until in self._until.items() if until > present}
        return list(self._until)

    def attempt(self, row_id: str, work: Callable[[], object]) -> bool:
        """Do the work of one row; return whether it was done. A failure is logged, and the row put off."""
        try:
            work()
        except Exception as error:
            if is_outage(error):  # the database's fault, not the row's
                raise
            self._until[row_id] = self._clock() + _SECONDS
            _log.error("row_put_off", loop=self._loop, row_id=row_id, error=type(error).__name__)
            return False
        return True
