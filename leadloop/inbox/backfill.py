"""Backfill: bringing every known lead in line with what was published, in small batches.

Where a publication only lets in who is in a stage or segment already (`existing: include`), the leads of a
batch enter in one transaction (`entering_together`); whoever needs more is visited alone, as all are
where segments, timers or scores are to be looked at too.

The notes and the cursor are one row of the database. A process that dies in the middle, or two that
work at once, visit some leads twice, which changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy import ColumnElement
from sqlmodel import Session, col, func, select

from leadloop.inbox.apply import Application
from leadloop.inbox.entries.timers import OWN_KEYS, existing_hash, is_in
from leadloop.inbox.entries.together import AT_ONCE, EnteringTogether, due_of, may_enter_together
from leadloop.inbox.newly_published import (
    Notes,
    fresh_round,
    lock_notes,
    moved_on,
    notes_for,
    read_notes,
    visit,
    write_notes,
)
from leadloop.language.plan import Entry, Plan, SegmentMatch, StageMatch
from leadloop.storage.columns import new_id
from leadloop.storage.database import lock_lead, lock_leads
from leadloop.storage.environment import Environment
from leadloop.storage.inserting import insert_rows
from leadloop.storage.publications import StoredPublication
from leadloop.storage.tables import EventKey, Lead

_log = structlog.get_logger()


@dataclass(frozen=True)
class Progress:
    """How far the last backfill is."""

    publication: str
    visited: int
    remaining: int
    finished: bool


def begin_backfill(
    session: Session, env: Environment, old: StoredPublication | None, new: StoredPublication, now: datetime
) -> bool:
    """Note what a publication changes for known leads, in the publishing transaction.

    Returns False where it changes nothing for them. Where an earlier backfill is not finished, the new
    one starts from what that one started from, so that nothing of it is lost.
    """
    known = lock_notes(session)
    row, notes = known if known is not None else (None, None)
    base, round_id = old, fresh_round()
    if notes is not None and not notes.finished:
        base = env.publications.get(notes.base, session) if notes.base is not None else None
        round_id = notes.round_id
    following = notes_for(
        base.publication if base is not None else None,
        base.id if base is not None else None,
        new.publication,
        new.id,
        now,
        round_id,
    )
    if following is None:
        if row is not None and notes is not None and not notes.finished:
            session.delete(row)  # back to where it began: nothing is left to do
        return False
    write_notes(session, following, row)
    return True


def run_backfill(env: Environment, limit: int = AT_ONCE) -> int:
    """Visit the next leads that a publication concerns; return how many, 0 where none are left."""
    with env.database.read() as session:
        notes = read_notes(session)
        if notes is None or notes.finished:
            return 0
        ids = _next_leads(session, notes, limit)
    alone = _let_in_together(env, ids, notes)
    if alone is None:
        return 1
    for lead_id in alone:
        if not _visit(env, lead_id, notes):
            return 1  # something else was published meanwhile: begin again with its notes
    with env.database.write() as session:
        known = lock_notes(session)
        if known is not None and known[1].round_id == notes.round_id:
            row, present = known
            if present.publication == notes.publication:
                cursor = ids[-1] if ids else notes.cursor
                write_notes(session, moved_on(present, cursor, len(ids), len(ids) < limit), row)
    if len(ids) < limit:
        _log.info("backfill_finished", publication=notes.publication)
    return len(ids)


def backfill_progress(session: Session) -> Progress | None:
    """Return how far the last backfill is; None where none was needed so far."""
    notes = read_notes(session)
    if notes is None:
        return None
    remaining = 0
    if not notes.finished:
        remaining = session.exec(select(func.count()).where(*_concerned(notes))).one()
    return Progress(notes.publication, notes.visited, remaining, notes.finished)


def _next_leads(session: Session, notes: Notes, limit: int) -> list[str]:
    return list(
        session.exec(select(Lead.id).where(*_concerned(notes)).order_by(col(Lead.id)).limit(limit)).all()
    )


def _concerned(notes: Notes) -> tuple[ColumnElement[bool], ...]:
    return (
        col(Lead.id) > notes.cursor,
        col(Lead.created_at) <= datetime.fromisoformat(notes.since),
        col(Lead.merged_into).is_(None),
        col(Lead.erased_at).is_(None),
    )


def _let_in_together(env: Environment, ids: list[str], notes: Notes) -> list[str] | None:
    """Let leads in in one transaction; return those that are to be visited alone.

    None where the notes no longer stand: something else was published.
    """
    if notes.silent or notes.looks_again or not ids:
        return ids
    with env.database.write() as session:
        stored = env.publications.current(session)
        present = read_notes(session)
        if present is None or present.publication != notes.publication:
            return None
        plans = [(stored.publication.plans.get(scenario), index) for scenario, index in notes.entries]
        entries = [(plan, index) for plan, index in plans if plan is not None and index < len(plan.entry)]
        if not all(_is_simple(session, stored, plan, plan.entry[index]) for plan, index in entries):
            return ids
        leads = lock_leads(session, ids)
        alone = set(ids) - {lead.id for lead in leads}
        for number, (plan, index) in enumerate(entries):
            if number > 0:  # what the entry before has written counts
                leads = lock_leads(session, ids)
            alone |= _let_in(session, env, stored, plan, index, leads, notes)
        return sorted(alone)


def _is_simple(session: Session, stored: StoredPublication, plan: Plan, entry: Entry) -> bool:
    """Return whether an entry asks only where the lead is, and can be decided for many at once."""
    by_place = isinstance(entry.match, StageMatch | SegmentMatch)
    return by_place and may_enter_together(session, stored, plan, entry)


def _let_in(
    session: Session,
    env: Environment,
    stored: StoredPublication,
    plan: Plan,
    index: int,
    leads: Sequence[Lead],
    notes: Notes,
) -> set[str]:
    """Let those of the locked leads in who match an entry; return those who are to be visited alone."""
    hashes = {
        existing_hash(env, plan, index, lead.id, notes.round_id): lead
        for lead in leads
        if is_in(lead, plan.entry[index])
    }
    known = session.exec(
        select(EventKey.external_id).where(
            EventKey.source == OWN_KEYS, col(EventKey.external_id).in_(list(hashes))
        )
    ).all()
    fresh = {hashed: lead for hashed, lead in hashes.items() if hashed not in set(known)}
    request = due_of(plan, index, env.clock.now())
    together = EnteringTogether(session, env, stored, plan, list(fresh.values()), request, visiting=True)
    alone: set[str] = set()
    keys = []
    for hashed, lead in fresh.items():
        if together.ask(lead).status == "apart":
            alone.add(lead.id)
        else:
            keys.append({"source": OWN_KEYS, "external_id": hashed, "body_hmac": "", "event_id": new_id()})
    together.write()
    insert_rows(session, EventKey, keys)
    return alone


def _visit(env: Environment, lead_id: str, notes: Notes) -> bool:
    """Visit one lead under its lock; False where the notes no longer stand."""
    with env.database.write() as session:
        lead = lock_lead(session, lead_id)
        # The publication first: what goes live in between has notes of its own then.
        application = Application(session, env, lead, env.clock.now())
        present = read_notes(session)
        if present is None or present.publication != notes.publication:
            return False
        application.caught_up = True
        visit(application, notes)
        return True
