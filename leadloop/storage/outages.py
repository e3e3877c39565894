"""Failures of the database itself: they pass by themselves, and say nothing about what was asked."""

from __future__ import annotations

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, PendingRollbackError, TimeoutError


def is_outage(error: BaseException) -> bool:
    """Return whether an exception is the database's fault: gone, full, busy, in the middle of a migration.

    A broken constraint or a value that does not fit is a fault of the code or the data: it comes again.
    """
    if isinstance(error, IntegrityError | DataError):
        return False
    return isinstance(error, DBAPIError | PendingRollbackError | TimeoutError | OSError)
