"""Writing many rows at once, without an object per row.

On PostgreSQL the rows travel as one JSON text: the statement is the same for any number of them, so
that the server plans it once, and it takes one round trip. On SQLite the driver's `executemany` is
quickest.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, cast

from sqlalchemy import Insert, Table, TextClause, insert, text
from sqlmodel import Session, SQLModel

from leadloop.storage.columns import table_of

Row = dict[str, Any]


def new_row(model: type[SQLModel], **values: Any) -> Row:
    """Return a row with the defaults of its table, for a hundredth of what making an object costs."""
    row = {name: default() for name, default in _defaults(model)}
    row.update(values)
    return row


def insert_rows(session: Session, model: type[SQLModel], rows: Sequence[Row]) -> None:
    """Insert rows; every one names the same columns."""
    if not rows:
        return
    connection = session.connection()
    table = table_of(model)
    if connection.dialect.name == "postgresql":
        connection.execute(_insert_json(table, tuple(rows[0])), {"rows": _json(rows)})
    else:
        connection.execute(_insert(table), list(rows))


def insert_new(
    session: Session, model: type[SQLModel], rows: Sequence[Row], key: Sequence[str]
) -> set[tuple[Any, ...]]:
    """Insert the rows whose key no other row has; return the keys of those that were inserted.

    The caller has looked in this transaction, so that only other transactions can be in the way: there
    are none on SQLite. On PostgreSQL this one waits for the end of another that is inserting the same
    key; rows are written in the order of their keys, so that two do not wait for each other in a circle.
    """
    if not rows:
        return set()
    ordered = sorted(rows, key=lambda row: [row[name] for name in key])
    connection = session.connection()
    if connection.dialect.name != "postgresql":
        insert_rows(session, model, ordered)
        return {tuple(row[name] for name in key) for row in ordered}
    table = table_of(model)
    statement = _insert_json(table, tuple(ordered[0]), tuple(key))
    return {tuple(found) for found in connection.execute(statement, {"rows": _json(ordered)})}


@lru_cache
def _defaults(model: type[SQLModel]) -> tuple[tuple[str, Callable[[], Any]], ...]:
    return tuple(
        (name, cast("Callable[[], Any]", field.default_factory or field.get_default))
        for name, field in model.model_fields.items()
        if not field.is_required()
    )


@lru_cache
def _insert(table: Table) -> Insert:
    return insert(table)


@lru_cache
def _insert_json(table: Table, columns: tuple[str, ...], key: tuple[str, ...] = ()) -> TextClause:
    """Return the statement for rows in JSON. Names come from our tables, never from outside."""
    names = ", ".join(f'"{name}"' for name in columns)
    statement = (
        f'INSERT INTO "{table.name}" ({names}) SELECT {names} '  # noqa: S608
        f'FROM jsonb_populate_recordset(NULL::"{table.name}", CAST(:rows AS jsonb))'
    )
    if key:
        unique = ", ".join(f'"{name}"' for name in key)
        statement += f" ON CONFLICT ({unique}) DO NOTHING RETURNING {unique}"
    return text(statement)


def _json(rows: Sequence[Row]) -> str:
    return json.dumps(rows, ensure_ascii=False, default=_plain)


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no JSON form")
