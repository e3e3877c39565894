"""API keys: made, listed, revoked, and recognised in requests.

A bearer key is `llk_<prefix>_<secret>`. The prefix may be shown and finds the row; of the whole key
only an HMAC is kept. The secret of a signing key (Standard Webhooks) is derived from the workspace's
secret and the key's id, so it too is nowhere at rest.
"""

from __future__ import annotations

import base64
import hmac
import secrets
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import func
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session, col, select

from leadloop.storage.columns import new_id
from leadloop.storage.database import DatabaseAwayError, announce
from leadloop.storage.environment import Environment
from leadloop.storage.tables import ApiKey, KeyKind

MARK = "llk"
"""What every bearer key begins with, so that scanners of repositories can find leaked ones."""
KEYS = "api_keys"
"""Topic of the news that keys were made or revoked."""
NAME_LIMIT = 100
MAX_SIGNING = 20
"""Signing keys that are not revoked: each is tried on a signed request."""

_PREFIX_BYTES = 6
_SECRET_BYTES = 32
_KNOWN_SECONDS = 1.0
_LOOK_AGAIN_SECONDS = 0.1
_NOBODY = "0" * 64


class Scope(StrEnum):
    """What a key may do. `admin` may do everything."""

    INGEST = "ingest"
    READ = "read"
    SALES = "sales"
    ADMIN = "admin"


class ApiKeyError(ValueError):
    """A key cannot be made or revoked as asked; the text says what to do."""


@dataclass(frozen=True)
class NewKey:
    """A key that was just made, with its secret: shown once."""

    row: ApiKey
    secret: str


@dataclass(frozen=True)
class Caller:
    """Who sent a request: a key, or a person on this machine (`id` is then `local`)."""

    id: str
    name: str
    scopes: frozenset[str]

    def may(self, scope: Scope) -> bool:
        return scope.value in self.scopes or Scope.ADMIN.value in self.scopes


LOCAL = Caller("local", "this machine", frozenset({Scope.ADMIN.value}))


def create_key(
    session: Session,
    env: Environment,
    name: str,
    scopes: Iterable[Scope],
    now: datetime,
    *,
    signing: bool = False,
) -> NewKey:
    """Make a key in the caller's transaction. A signing key may only ingest. Raises `ApiKeyError`."""
    wanted = list(dict.fromkeys(scopes))
    name = name.strip()
    if not 0 < len(name) <= NAME_LIMIT or not name.isprintable():
        raise ApiKeyError(f"a key's name has 1 to {NAME_LIMIT} printable characters")
    if signing and wanted not in ([], [Scope.INGEST]):
        raise ApiKeyError("a signing key has the scope ingest only")
    if signing:
        wanted = [Scope.INGEST]
        used = session.exec(select(func.count()).where(ApiKey.kind == KeyKind.SIGNING, _live())).one()
        if used >= MAX_SIGNING:
            raise ApiKeyError(f"there are {MAX_SIGNING} signing keys already; revoke one first")
    if not wanted:
        raise ApiKeyError("say what the key may do: --scope ingest, read, sales or admin")
    row = ApiKey(
        id=new_id(),
        prefix=secrets.token_hex(_PREFIX_BYTES),
        kind=KeyKind.SIGNING if signing else KeyKind.BEARER,
        name=name,
        secret_hmac="",
        scopes=[one.value for one in wanted],
        created_at=now,
    )
    if signing:
        secret = signing_secret(env, row.id)
    else:
        secret = f"{MARK}_{row.prefix}_{secrets.token_urlsafe(_SECRET_BYTES)}"
        row.secret_hmac = _hash(env, secret)
    session.add(row)
    session.flush()
    announce(session, KEYS)
    return NewKey(row, secret)


def list_keys(session: Session, *, revoked: bool = False) -> Sequence[ApiKey]:
    """Return the keys, oldest first; the revoked ones too where asked for."""
    statement = select(ApiKey).order_by(col(ApiKey.created_at), col(ApiKey.id))
    return session.exec(statement if revoked else statement.where(_live())).all()


def revoke_key(session: Session, name: str, now: datetime) -> ApiKey:
    """Revoke a key by its id or prefix, for good. Raises `ApiKeyError` where there is none."""
    statement = select(ApiKey).where((col(ApiKey.id) == name) | (col(ApiKey.prefix) == name))
    row = session.exec(statement.with_for_update()).one_or_none()
    if row is None:
        raise ApiKeyError("there is no such key; `leadloop key list` shows their ids")
    if row.revoked_at is None:
        row.revoked_at = now
        session.add(row)
        session.flush()
        announce(session, KEYS)
    return row


def has_live_key(session: Session) -> bool:
    """Return whether any key is good."""
    return session.exec(select(ApiKey.id).where(_live())).first() is not None


def signing_secret(env: Environment, key_id: str) -> str:
    """Return a signing key's secret as Standard Webhooks writes it: `whsec_` and Base64."""
    return "whsec_" + base64.b64encode(env.keys.key(f"signing-key:{key_id}")).decode("ascii")


class KeyRing:
    """The keys as a web server knows them, in memory: requests need no look at the database.

    They are read again when this process changes them, and otherwise a second after the last time:
    so soon is a revoked key refused by every process. A key that is not known yet looks again at
    once, though not more than ten times a second.
    """

    def __init__(self, env: Environment) -> None:
        self._env = env
        self._lock = threading.Lock()
        self._bearers: dict[str, tuple[str, Caller]] = {}
        self._signers: list[tuple[str, Caller]] = []
        self._read_at = float("-inf")
        self._news = -1
        self.any_made = False
        """Whether a key was ever made, revoked or not: from then on the API asks for one."""

    def bearer(self, text: str) -> Caller | None:
        """Return whose key a text is. The comparison takes the same time for every wrong text."""
        secret_hmac, caller = self._bearers.get(_prefix_of(text), (_NOBODY, None))
        return caller if hmac.compare_digest(_hash(self._env, text), secret_hmac) else None

    def owner_of_prefix(self, text: str) -> Caller | None:
        """Return whose prefix a text has, to tell in the log which key was tried."""
        return self._bearers.get(_prefix_of(text), (_NOBODY, None))[1]

    def signers(self) -> Sequence[tuple[str, Caller]]:
        """Return the secrets that may sign, with whose they are."""
        return self._signers

    def is_stale(self, *, look_again: bool = False) -> bool:
        """Return whether the keys should be read again."""
        seconds = _LOOK_AGAIN_SECONDS if look_again else _KNOWN_SECONDS
        return self._env.database.news(KEYS) != self._news or time.monotonic() - self._read_at >= seconds

    def read(self) -> None:
        """Read the keys. Blocks; where the database does not answer, those known stay good."""
        with self._lock:
            news = self._env.database.news(KEYS)
            try:
                with self._env.database.read() as session:
                    rows = session.exec(select(ApiKey)).all()
            except (SQLAlchemyError, DatabaseAwayError):
                if self._news < 0:
                    raise
                self._read_at = time.monotonic()
                return
            live = [(row, _caller(row)) for row in rows if row.revoked_at is None]
            self._bearers = {
                row.prefix: (row.secret_hmac, caller) for row, caller in live if row.kind == KeyKind.BEARER
            }
            self._signers = [
                (signing_secret(self._env, row.id), caller)
                for row, caller in live
                if row.kind == KeyKind.SIGNING
            ]
            self.any_made = bool(rows)
            self._news, self._read_at = news, time.monotonic()


def _caller(row: ApiKey) -> Caller:
    return Caller(row.id, row.name, frozenset(row.scopes))


def _prefix_of(text: str) -> str:
    mark, _, rest = text.partition("_")
    prefix, _, _secret = rest.partition("_")
    return prefix if mark == MARK else ""


def _hash(env: Environment, key: str) -> str:
    return env.keys.hash("api-key", key)


def _live() -> Any:
    return col(ApiKey.revoked_at).is_(None)
