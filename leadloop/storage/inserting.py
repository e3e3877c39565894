"""Writing many rows at once, without an object per row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import insert
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, SQLModel

Row = dict[str, Any]


def insert_rows(session: Session, model: type[SQLModel], rows: Sequence[Row]) -> None:
    """Insert rows; every one names the same columns."""
    if rows:
        session.connection().execute(insert(model.__table__), list(rows))  # type: ignore[attr-defined]


def insert_new(
    session: Session, model: type[SQLModel], rows: Sequence[Row], key: Sequence[str]
) -> set[tuple[Any, ...]]:
    """Insert the rows whose key no other row has; return the keys of those that were inserted.

    Where another transaction is inserting the same key, this one waits for its end. Rows are written
    in the order of their keys, so that two transactions do not wait for each other in a circle.
    """
    if not rows:
        return set()
    connection = session.connection()
    table = model.__table__  # type: ignore[attr-defined]
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    columns = [table.c[name] for name in key]
    statement = dialect.insert(table).on_conflict_do_nothing(index_elements=columns).returning(*columns)
    ordered = sorted(rows, key=lambda row: [row[name] for name in key])
    return {tuple(found) for found in connection.execute(statement, ordered)}
