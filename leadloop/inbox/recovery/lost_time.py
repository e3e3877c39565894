"""What time alone caused in the lost part of a database: taken for done, so that nobody enters by it twice.

A restored database has the timers and the scores of its backup. Until the lost database stopped, it had let
people enter by time, and had let bands, segments and cool-downs pass: who entered by those has had mails.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import structlog
from sqlalchemy.exc import OperationalError
from sqlmodel import col, select

from leadloop.inbox.apply import Application
from leadloop.inbox.entries.timers import keep_timers
from leadloop.inbox.relaying.due import carry_out
from leadloop.inbox.relaying.due_rows import COOLDOWN, DECAY, ENTRY, SEGMENTS, WAITING
from leadloop.storage.database import lock_lead
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Due

_log = structlog.get_logger()
_ENTRIES = (ENTRY, WAITING)
_CHANGES = (DECAY, SEGMENTS, COOLDOWN)


def pass_entries(env: Environment, until: datetime) -> int:
    """Take entries by time for done that came until an instant; later ones still come. Returns how many."""

    def drop(application: Application, row: Due) -> None:
        keep_timers(application)

    return _pass(env, _ENTRIES, until, drop, env.clock.now())


def pass_changes(env: Environment, until: datetime) -> int:
    """Let bands, segments and cool-downs change that time changed until an instant; return how many.

    The leads are then as they were at that instant. Nobody enters by such a change.
    """
    return _pass(env, _CHANGES, until, carry_out, until)


def _pass(
    env: Environment,
    kinds: tuple[str, ...],
    until: datetime,
    act: Callable[[Application, Due], None],
    now: datetime,
) -> int:
    where = (col(Due.kind).in_(kinds), col(Due.due_at) <= until)
    with env.database.read() as session:
        rows = session.exec(select(Due.key, Due.lead_id).where(*where).order_by(col(Due.due_at))).all()
    passed = 0
    for key, lead_id in rows:
        try:
            with env.database.write() as session:
                lead = lock_lead(session, lead_id)
                row = session.get(Due, key)
                if row is None or row.due_at > until:
                    continue
                session.delete(row)
                session.flush()
                application = Application(session, env, lead, now)
                application.lets_enter = False
                act(application, row)
            passed += 1
        except OperationalError:  # the database's fault, not the row's
            raise
        except Exception as error:  # one broken row must not keep the gate closed
            _log.error("due_failed", kind=key.split(":")[0], lead_id=lead_id, error=type(error).__name__)
    return passed
