"""What time alone causes: decay, the end of a cool-down, segments, entries. No scans over leads."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from sqlalchemy.exc import OperationalError
from sqlmodel import col, func, select

from leadloop.inbox.apply import Application
from leadloop.inbox.effects import end_cooldown
from leadloop.inbox.entries import entry
from leadloop.inbox.entries import timers as due_entries
from leadloop.inbox.relaying.due_rows import COOLDOWN, DECAY, DUES, ENTRY, SEGMENTS, WAITING
from leadloop.storage.database import announce, lock_lead
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Due

_LATER = timedelta(minutes=15)
"""How long a row is put off that failed, or that a newer leadloop wrote."""

_log = structlog.get_logger()


def run_due(env: Environment, limit: int = 200) -> int:
    """Carry out the `due` rows whose instant has come; return how many."""
    with env.database.read() as session:
        rows = session.exec(
            select(Due.key, Due.lead_id)
            .where(Due.due_at <= env.clock.now())
            .order_by(col(Due.due_at), col(Due.key))
            .limit(limit)
        ).all()
    for key, lead_id in rows:
        try:
            _run_one(env, key, lead_id)
        except OperationalError:  # the database's fault (gone, deadlock), not the row's: try again
            raise
        except Exception as error:
            _log.error("due_failed", kind=key.split(":")[0], lead_id=lead_id, error=type(error).__name__)
            _put_off(env, key, lead_id)
    return len(rows)


def earliest_due(env: Environment) -> datetime | None:
    """Return when the next `due` row comes."""
    with env.database.read() as session:
        return session.exec(select(func.min(Due.due_at))).one()


def _run_one(env: Environment, key: str, lead_id: str) -> None:
    with env.database.write() as session:
        lead = lock_lead(session, lead_id)
        now = env.clock.now()
        row = session.get(Due, key)
        if row is None or row.due_at > now:
            return
        application = Application(session, env, lead, now)
        application.apply_pending()
        row = session.get(Due, key)
        if row is None or row.due_at > now:  # what was pending moved it
            return
        if row.kind not in _FUNCTIONS:
            row.due_at = now + _LATER
            session.add(row)
            return
        session.delete(row)
        announce(session, DUES)
        session.flush()
        carry_out(application, row)


def carry_out(application: Application, row: Due) -> None:
    """Do what a row stands for. The caller has locked the lead and deleted the row."""
    _FUNCTIONS[row.kind](application, row)


def _put_off(env: Environment, key: str, lead_id: str) -> None:
    """Let one broken row not hold up the others."""
    with env.database.write() as session:
        lock_lead(session, lead_id)
        row = session.get(Due, key)
        if row is not None and row.due_at <= env.clock.now():
            row.due_at = env.clock.now() + _LATER
            session.add(row)


def _decay(application: Application, row: Due) -> None:
    model = row.key.rsplit(":", 1)[1]
    if model in application.publication.scoring.models:  # else it is no longer published
        application.rescore({model}, None)
        application.settle()


def _segments(application: Application, row: Due) -> None:
    application.changed()
    application.settle()


def _cooldown(application: Application, row: Due) -> None:
    end_cooldown(application)


_FUNCTIONS: dict[str, Callable[[Application, Due], None]] = {
    DECAY: _decay,
    COOLDOWN: _cooldown,
    SEGMENTS: _segments,
    ENTRY: due_entries.fire,
    WAITING: entry.enter_waiting,
}
