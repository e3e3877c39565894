"""Schema steps that leave a busy database working, and may be run again after they were cut off."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from alembic import op
from sqlalchemy import Column, text


def add_column(table: str, column: Column[Any]) -> None:
    """Add a column that may be null or has a default of the server: nothing is rewritten.

    Without batch mode, which on SQLite would write the whole table anew while everybody waits.
    """
    # SQLite undoes a step that was cut off; PostgreSQL may have committed half of it, see `make_index`.
    op.add_column(table, column, if_not_exists=op.get_context().dialect.name == "postgresql" or None)


def make_index(name: str, table: str, columns: Sequence[str], *, where: str | None = None) -> None:
    """Make an index, unless it is there. PostgreSQL goes on writing meanwhile (`CONCURRENTLY`)."""
    condition = text(where) if where is not None else None
    if op.get_context().dialect.name != "postgresql":
        op.create_index(name, table, list(columns), if_not_exists=True, sqlite_where=condition)
        return
    with op.get_context().autocommit_block():
        broken = text("SELECT 1 FROM pg_index WHERE indexrelid = to_regclass(:name) AND NOT indisvalid")
        if op.get_bind().execute(broken, {"name": name}).first():  # an earlier attempt was cut off
            op.drop_index(name, table, postgresql_concurrently=True)
        op.create_index(
            name,
            table,
            list(columns),
            if_not_exists=True,
            postgresql_concurrently=True,
            postgresql_where=condition,
        )
