"""Who may call the API, and which commands were answered already."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlmodel import Field, SQLModel

from leadloop.storage.columns import JSON_TYPE, UtcDateTime, enum_type, new_id


class KeyKind(StrEnum):
    """How a key is used: sent as it is (`bearer`), or to sign requests (`signing`)."""

    BEARER = "bearer"
    SIGNING = "signing"


class ApiKey(SQLModel, table=True):
    """A key of the API. The secret itself is nowhere: a bearer key is kept as an HMAC, a signing
    secret is derived from the workspace's secret and the row's id."""

    __tablename__ = "api_key"

    id: str = Field(default_factory=new_id, primary_key=True)
    prefix: str = Field(unique=True)
    """The part of the key that may be shown, and by which it is looked up."""
    kind: KeyKind = Field(default=KeyKind.BEARER, sa_type=enum_type(KeyKind))
    name: str
    """Who or what uses it, as the operator wrote it."""
    secret_hmac: str
    """Empty for a signing key."""
    scopes: list[str] = Field(default_factory=list, sa_type=JSON_TYPE)
    """`ingest`, `read`, `sales`, `admin`."""
    created_at: datetime = Field(sa_type=UtcDateTime)
    revoked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class CommandAnswer(SQLModel, table=True):
    """What a command with an `Idempotency-Key` was answered, kept for a day to say it again."""

    __tablename__ = "command_answer"

    caller: str = Field(primary_key=True)
    """Id of the API key, or `local`."""
    key: str = Field(primary_key=True)
    request_hmac: str
    """Of method, path and body: the same key for another request is refused."""
    status: int | None = None
    """HTTP status; None while the command runs."""
    body: str | None = None
    created_at: datetime = Field(sa_type=UtcDateTime, index=True)
