"""What time alone causes: a band left by decay, the end of a cool-down. No scans over leads."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import col, func, select

from leadloop.inbox.apply import Application
from leadloop.inbox.effects import end_cooldown
from leadloop.scoring.reading import COOLDOWN, DUES
from leadloop.storage.database import announce, lock_lead
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Due


def run_due(env: Environment, limit: int = 200) -> int:
    """Carry out the `due` rows whose instant has come; return how many."""
    with env.database.read() as session:
        rows = session.exec(
            select(Due.key, Due.lead_id)
            .where(Due.due_at <= env.clock.now())
            .order_by(col(Due.due_at))
            .limit(limit)
        ).all()
    for key, lead_id in rows:
        _run_one(env, key, lead_id)
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
        kind = row.kind
        session.delete(row)
        announce(session, DUES)
        session.flush()
        if kind == COOLDOWN:
            end_cooldown(application)
            return
        model = key.rsplit(":", 1)[1]
        if model in application.publication.scoring.models:  # else it is no longer published
            application.rescore({model}, None)
            application.settle()
