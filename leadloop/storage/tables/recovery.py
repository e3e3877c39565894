"""What must be known again after a database was restored from a backup."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, text
from sqlmodel import Field, SQLModel

from leadloop.storage.columns import JSON_TYPE, UtcDateTime

_WAITS = text("mirrored_at IS NULL")


class Handover(SQLModel, table=True):
    """Counts the messages that were claimed, in several rows, so that senders do not queue for one.

    The sum only grows: a smaller one than the watermark has means an older database.
    """

    __tablename__ = "handover"

    slot: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    number: int = 0


class Tombstone(SQLModel, table=True):
    """That a person was erased, in ids and HMACs, so that it can be done again after a restore."""

    __tablename__ = "tombstone"
    __table_args__ = (Index("ix_tombstone_waits", "lead_id", sqlite_where=_WAITS, postgresql_where=_WAITS),)

    lead_id: str = Field(primary_key=True)
    erased_at: datetime = Field(sa_type=UtcDateTime)
    erased_by: str
    identities: list[str] = Field(default_factory=list, sa_type=JSON_TYPE)
    """HMACs of the mail addresses that named the lead; as in `identity`, where they stay."""
    suppressed: list[str] = Field(default_factory=list, sa_type=JSON_TYPE)
    """HMACs of the addresses that are never mailed again; as in `suppression`."""
    mirrored_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When it was copied to the watermark, outside this database."""
