"""Engines, sessions and locks. The only module that opens a transaction.

Lock order, in every transaction that decides about a lead: the lead row, then the enrolment, then
the message. On PostgreSQL these are row locks (`FOR UPDATE`). On SQLite a writing transaction
starts with `BEGIN IMMEDIATE`, which locks the whole database; a process-wide lock in front of it
queues this process's writers, because SQLite's own busy handler sleeps between tries.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, bindparam, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError
from sqlmodel import Session, SQLModel, col, create_engine, select
from sqlmodel.sql.expression import SelectOfScalar

from leadloop.storage.fair_lock import FairLock, LockTimeoutError
from leadloop.storage.finding import objects_of_each
from leadloop.storage.sqlite_file import SqliteFile
from leadloop.storage.tables import Enrolment, Lead, Message

_Row = TypeVar("_Row")
_READ_ONLY = "leadloop_read_only"
_NEWS = "leadloop_news"
_BUSY_SECONDS = 30
"""So long a writer waits for others; then it gives up, and its caller tries again later."""
_POSTGRES = {
    "connect_timeout": 10,  # seconds, like all of these but the last
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
"""libpq: a server that says nothing is given up, else a thread would wait for it for ever."""
_CONNECTIONS = 20
_LOCK_NOT_AVAILABLE = "55P03"
"""PostgreSQL: `lock_timeout` is over."""


class StorageError(Exception):
    """The database cannot be used as asked: wrong address, missing or newer schema."""


class DatabaseAwayError(StorageError):
    """The database is locked for too long, or its file is gone. Nothing was written."""


class RowMissingError(StorageError):
    """A row that must be locked does not exist."""


class Database:
    """One database: `read()` for looking, `write()` for a transaction that may change things."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.is_sqlite = make_url(url).get_backend_name() == "sqlite"
        # One connection writes to SQLite: its page cache stays good, as nobody else of us writes.
        self.engine = _make_engine(url, self.is_sqlite, connections=1 if self.is_sqlite else _CONNECTIONS)
        reader = _make_engine(url, self.is_sqlite, _CONNECTIONS) if self.is_sqlite else self.engine
        self._read_engine = reader.execution_options(**{_READ_ONLY: True})
        self._writer = FairLock(_BUSY_SECONDS) if self.is_sqlite else None
        self._file = SqliteFile(url) if self.is_sqlite else None
        if self._file is not None:
            self._file.guard(self.engine)
            self._file.guard(reader)
        self.changes = 0
        """Writes of this process so far."""
        self.rehearses = False
        """Every transaction is undone at its end: for dry runs."""
        self._news: dict[str, int] = {}
        self._changed = threading.Condition()

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Open a session that sees one state of the database and must not write.

        Raises `DatabaseAwayError` where its file is gone.
        """
        self._look_for_file()
        with Session(self._read_engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def write(self, *, dry_run: bool = False) -> Iterator[Session]:
        """Open one transaction: committed at the end of the block, rolled back on an exception or `dry_run`.

        Raises `DatabaseAwayError` where its file is gone, or other writers of this process take too long.
        """
        with (
            self._turn_to_write(),
            Session(self.engine, expire_on_commit=False) as session,
            session.begin() as transaction,
        ):
            yield session
            undone = dry_run or self.rehearses
            if undone:
                session.flush()
                session.expunge_all()  # what was read and written stays readable
                transaction.rollback()
        if undone:
            return
        with self._changed:
            self.changes += 1
            for topic in session.info.get(_NEWS, ()):
                self._news[topic] = self._news.get(topic, 0) + 1
            self._changed.notify_all()

    @contextmanager
    def _turn_to_write(self) -> Iterator[None]:
        self._look_for_file()
        with ExitStack() as stack:
            try:
                stack.enter_context(self._writer or nullcontext())
            except LockTimeoutError:
                raise DatabaseAwayError(f"the database was busy for {_BUSY_SECONDS} seconds") from None
            yield

    def _look_for_file(self) -> None:
        problem = self._file.problem() if self._file is not None else None
        if problem is not None:
            raise DatabaseAwayError(problem)

    @property
    def is_missing(self) -> bool:
        """True for a SQLite database without its file."""
        return self._file is not None and self._file.is_missing

    def news(self, topic: str) -> int:
        """Return how many transactions of this process announced a topic so far."""
        return self._news.get(topic, 0)

    def tell(self, topic: str) -> None:
        """Announce a topic at once, not with a transaction."""
        with self._changed:
            self._news[topic] = self._news.get(topic, 0) + 1
            self._changed.notify_all()

    def wait_for_news(self, topic: str, seen: int, seconds: float) -> None:
        """Wait until a transaction announces the topic after `seen`, or the time is over.

        Only a short cut for loops of this process: what other processes write is found by polling.
        """
        with self._changed:
            self._changed.wait_for(lambda: self.news(topic) != seen, timeout=seconds)

    def create_schema(self) -> None:
        """Create all tables directly, without migrations (tests, throw-away databases)."""
        if self._file is not None:
            self._file.make()
        SQLModel.metadata.create_all(self.engine)

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()
        self._read_engine.dispose()


def _make_engine(url: str, is_sqlite: bool, connections: int) -> Engine:
    # Opening a connection reads the whole schema, so those in use stay open.
    arguments: dict[str, Any] = {"hide_parameters": True, "pool_size": connections, "pool_use_lifo": True}
    if is_sqlite:
        arguments["connect_args"] = {"timeout": _BUSY_SECONDS, "check_same_thread": False}
    else:
        arguments["pool_pre_ping"] = True
        arguments["connect_args"] = dict(_POSTGRES)
    engine = create_engine(url, **arguments)
    if is_sqlite:
        event.listen(engine, "connect", _configure_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def _configure_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver would start transactions late, at the first write
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "cache_size=-16000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    read_only = connection.get_execution_options().get(_READ_ONLY, False)
    connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")


def announce(session: Session, topic: str) -> None:
    """Say what this transaction adds, so that a loop that waits for it hears of it at the commit."""
    session.info.setdefault(_NEWS, set()).add(topic)


def is_announced(session: Session, topic: str) -> bool:
    """Return whether this transaction has announced the topic."""
    return topic in session.info.get(_NEWS, ())


def lock_lead(session: Session, lead_id: str) -> Lead:
    """Lock a lead first, before its enrolments and messages. Follows a merge.

    Raises `RowMissingError` where there is no such lead.
    """
    lead = session.exec(_LEAD, params={"id": lead_id}).one_or_none()
    if lead is None:
        raise RowMissingError(f"no lead {lead_id}")
    if lead.merged_into is not None:
        return lock_lead(session, lead.merged_into)
    return lead


def lock_lead_of(session: Session, enrolment_id: str) -> Lead:
    """Lock the lead of an enrolment first, as `lock_lead` does. Raises `RowMissingError`."""
    lead = session.exec(_LEAD_OF, params={"enrolment_id": enrolment_id}).one_or_none()
    if lead is None:
        raise RowMissingError(f"no enrolment {enrolment_id}, or its lead is missing")
    return lead if lead.merged_into is None else lock_lead(session, lead.merged_into)


def lock_leads(session: Session, lead_ids: Sequence[str]) -> list[Lead]:
    """Lock those of several leads that nobody else has locked, in the order of their ids.

    It never waits: a transaction that waited for one lead while it holds another could wait in a circle.
    Missing leads and those that were merged into another are left out.
    """
    found = objects_of_each(session, Lead, _LEADS, _LEAD_ID, sorted(lead_ids))
    return sorted(found, key=lambda lead: lead.id)


@dataclass(frozen=True)
class HeldLead:
    """A locked lead of which nothing else is asked."""

    id: str
    is_erased: bool


def hold_lead(session: Session, lead_id: str) -> HeldLead:
    """Lock a lead as `lock_lead` does, where its values are not needed. Raises `RowMissingError`."""
    found = session.connection().execute(_HELD, {"id": lead_id}).one_or_none()
    if found is None:
        raise RowMissingError(f"no lead {lead_id}")
    if found.merged_into is not None:
        return hold_lead(session, found.merged_into)
    return HeldLead(lead_id, found.erased_at is not None)


def give_up_waiting(session: Session, after: timedelta) -> None:
    """Let this transaction fail, `gave_up`, rather than wait longer than this for a lock of another one.

    For a transaction that holds several leads: whoever it waits for may wait for one of them. On SQLite
    nobody else writes meanwhile.
    """
    if session.get_bind().dialect.name == "postgresql":
        milliseconds = int(after.total_seconds() * 1000)
        session.connection().execute(_LOCK_TIMEOUT, {"most": f"{milliseconds}ms"})


def gave_up(error: OperationalError) -> bool:
    """Return whether a transaction ended because it would have had to wait for a lock."""
    return getattr(error.orig, "sqlstate", None) == _LOCK_NOT_AVAILABLE


def lock_enrolment(session: Session, enrolment_id: str) -> Enrolment:
    """Lock an enrolment, after its lead. Raises `RowMissingError` where it does not exist."""
    row = session.exec(_ENROLMENT, params={"id": enrolment_id}).one_or_none()
    if row is None:
        raise RowMissingError(f"no enrolment {enrolment_id}")
    return row


def lock_message(session: Session, message_id: str) -> Message:
    """Lock a message, after its lead and enrolment. Raises `RowMissingError` if it is missing."""
    row = session.exec(_MESSAGE, params={"id": message_id}).one_or_none()
    if row is None:
        raise RowMissingError(f"no message {message_id}")
    return row


def _locked(statement: SelectOfScalar[_Row]) -> SelectOfScalar[_Row]:
    return statement.with_for_update().execution_options(populate_existing=True)


# Statements that run for every event and turn are built once: to build one costs as much as to run it.
_LEAD = _locked(select(Lead).where(Lead.id == bindparam("id")))
_LEAD_OF = _locked(
    select(Lead).where(
        Lead.id
        == select(Enrolment.lead_id).where(Enrolment.id == bindparam("enrolment_id")).scalar_subquery()
    )
)
_LEAD_ID = col(Lead.id)
_LEADS = (
    select(Lead)
    .where(col(Lead.merged_into).is_(None))
    .with_for_update(skip_locked=True)
    .execution_options(populate_existing=True)
)
_HELD = select(Lead.merged_into, Lead.erased_at).where(Lead.id == bindparam("id")).with_for_update()
_LOCK_TIMEOUT = text("SELECT set_config('lock_timeout', :most, true)")
_ENROLMENT = _locked(select(Enrolment).where(Enrolment.id == bindparam("id")))
_MESSAGE = _locked(select(Message).where(Message.id == bindparam("id")))
