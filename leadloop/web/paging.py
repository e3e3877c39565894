"""Cursor paging: newest first, by an instant and an id, so that new rows don't shift pages."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import and_, or_
from sqlmodel import Session, SQLModel, col
from sqlmodel.sql.expression import SelectOfScalar

from leadloop.web.problems import ProblemError, field_error

DEFAULT_LIMIT = 50
MAX_LIMIT = 200
_Row = TypeVar("_Row", bound=SQLModel)


def page(
    session: Session,
    statement: SelectOfScalar[_Row],
    at: Any,
    row_id: Any,
    cursor: str | None,
    limit: int,
) -> tuple[Sequence[_Row], str | None]:
    """Return one page of rows and the cursor of the next, None on the last page.

    `at` and `row_id` are the model's columns to order by. Raises `ProblemError` 422 for a cursor
    that did not come from here.
    """
    if cursor:
        instant, last_id = _decode(cursor)
        statement = statement.where(or_(col(at) < instant, and_(col(at) == instant, col(row_id) < last_id)))
    statement = statement.order_by(col(at).desc(), col(row_id).desc()).limit(limit + 1)
    rows = session.exec(statement).all()
    if len(rows) <= limit:
        return rows, None
    last = rows[limit - 1]
    return rows[:limit], _encode(getattr(last, at.key), getattr(last, row_id.key))


def listing(items: Sequence[_Row], cursor: str | None, shape: Callable[[_Row], Any]) -> dict[str, Any]:
    """Return the body of a list: `{items, next_cursor}`."""
    return {"items": [shape(one) for one in items], "next_cursor": cursor}


def _encode(at: datetime, row_id: str) -> str:
    text = json.dumps([at.isoformat(), row_id])
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _decode(cursor: str) -> tuple[datetime, str]:
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        at, row_id = json.loads(text)
        instant = datetime.fromisoformat(at)
        if instant.tzinfo is None or not isinstance(row_id, str):
            raise ValueError
    except (ValueError, TypeError, binascii.Error, UnicodeDecodeError):
        raise ProblemError(422, "the cursor is not one of ours", [field_error("cursor", "unknown")]) from None
    return instant, row_id
