"""Conditions in the very words of the partial indexes, so that both databases use these.

SQLite compares a query with an index's condition as it is written: a bound value would not do.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Index, String, literal_column, text
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler

_SQLITE_KIND = "json_extract({table}next, '$.kind')"
_POSTGRESQL_KIND = "({table}next ->> 'kind')"


class NextKind(ColumnElement[str]):
    """`next.kind` of a journey's head: `send`, `call`, `wait`, `end`; null before its first turn."""

    inherit_cache = True
    type = String()

    def isnt(self, kind: str) -> ColumnElement[bool]:
        """Return whether it is another kind than this one."""
        return self != literal_column(f"'{kind}'")


@compiles(NextKind)
def _on_sqlite(element: NextKind, compiler: SQLCompiler, **_: Any) -> str:
    return _SQLITE_KIND.format(table="enrolment.")


@compiles(NextKind, "postgresql")
def _on_postgresql(element: NextKind, compiler: SQLCompiler, **_: Any) -> str:
    return _POSTGRESQL_KIND.format(table="enrolment.")


def is_running() -> ColumnElement[bool]:
    """The journey runs."""
    return literal_column("enrolment.status") == literal_column("'running'")


def has_ended() -> ColumnElement[bool]:
    """The journey is over."""
    return literal_column("enrolment.status") == literal_column("'ended'")


def is_fresh() -> ColumnElement[bool]:
    """The journey has taken no turn yet."""
    return literal_column("enrolment.turn_no") == literal_column("0")


def partial_index(name: str, *columns: str, where: str, unique: bool = False) -> Index:
    """Return an index of the rows that meet a condition; `{kind}` in it is the head's `next.kind`."""
    return Index(
        name,
        *columns,
        unique=unique,
        sqlite_where=text(where.format(kind=_SQLITE_KIND.format(table=""))),
        postgresql_where=text(where.format(kind=_POSTGRESQL_KIND.format(table=""))),
    )
