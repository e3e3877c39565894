"""Column types shared by all tables, the id maker, and the way from a model to its table."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, cast

import uuid_utils
from sqlalchemy import JSON, DateTime, Dialect, Table, inspect
from sqlalchemy import Enum as SqlEnum
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeDecorator, TypeEngine
from sqlmodel import SQLModel

JSON_TYPE = JSON().with_variant(JSONB(), "postgresql")


class UtcDateTime(TypeDecorator[datetime]):
    """An instant. UTC in the database, timezone-aware in Python; a naive value is refused."""

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(DateTime(timezone=dialect.name == "postgresql"))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant needs a time zone")
        utc = value.astimezone(UTC)
        return utc if dialect.name == "postgresql" else utc.replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def enum_type(words: type[StrEnum]) -> Any:
    """Return the column type of a status: its words as text, so that SQL can name them."""
    return SqlEnum(
        words, values_callable=lambda kind: [word.value for word in kind], native_enum=False, length=20
    )


def earliest_id(at: datetime) -> str:
    """Return a text that sorts between the ids made before an instant of real time and those made later."""
    milliseconds = f"{int(at.timestamp() * 1000):012x}"
    return f"{milliseconds[:8]}-{milliseconds[8:]}"


def table_of(model: type[SQLModel]) -> Table:
    """Return the table of a model, for statements that make no objects."""
    return cast("Table", inspect(model).local_table)


def new_id() -> str:
    """Return a UUIDv7 (RFC 9562): unique, and close to the order of creation."""
    return str(uuid_utils.uuid7())
