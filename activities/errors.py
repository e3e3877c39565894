"""What Temporal may know of a failure: a code and a log id, never the exception's own text.

Failure messages are plain text in histories, and a database error can carry the values of a row.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from temporalio.exceptions import ApplicationError

from leadloop.storage.columns import new_id

_log = structlog.get_logger()


@contextmanager
def coded_errors() -> Iterator[None]:
    """Turn an unexpected exception into its type and a log id; it stays retryable."""
    try:
        yield
    except ApplicationError:
        raise
    except Exception as error:
        raise ApplicationError(logged(error), type=type(error).__name__) from None


def logged(error: Exception) -> str:
    """Write an unexpected exception into the log; return its type and the log id, for everybody else."""
    log_id, code = new_id(), type(error).__name__
    _log.error("activity_failed", log_id=log_id, error=code, where=_places(error))
    return f"{code}, see log {log_id}"


def _places(error: BaseException) -> str:
    """Return the code lines it passed through, without the values of any variable."""
    places = []
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        places.append(f"{code.co_name}:{trace.tb_lineno}")
        trace = trace.tb_next
    return " > ".join(places[-6:])
