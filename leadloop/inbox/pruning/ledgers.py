"""Old lines of the ledgers, lead by lead, under the lead's lock."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session, col, func, select

from leadloop.inbox.pruning.batches import Batch, lock_free_leads
from leadloop.scoring.folding import fold_ledger
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Lead, ScoreEntry

_LEADS = 500
_AT_ONCE = 50


def fold_ledgers(session: Session, env: Environment, before: datetime, after: str) -> Batch:
    """Add up the old lines of the next leads after an id."""
    last = session.exec(
        select(func.max(Lead.id)).where(
            col(Lead.id).in_(select(Lead.id).where(Lead.id > after).order_by(col(Lead.id)).limit(_LEADS))
        )
    ).one()
    if last is None:
        return Batch.last()
    full = session.exec(
        select(ScoreEntry.lead_id)
        .where(ScoreEntry.lead_id > after, ScoreEntry.lead_id <= last, ScoreEntry.at < before)
        .group_by(ScoreEntry.lead_id)
        .having(func.count() > func.count(func.distinct(ScoreEntry.model + "\n" + ScoreEntry.rule_id)))
        .order_by(ScoreEntry.lead_id)
        .limit(_AT_ONCE)
    ).all()
    scoring = env.publications.current(session).publication.scoring
    gone = sum(
        fold_ledger(session, lead_id, scoring, before) for lead_id in sorted(lock_free_leads(session, full))
    )
    return Batch(full[-1] if len(full) == _AT_ONCE else last, gone, done=False)
