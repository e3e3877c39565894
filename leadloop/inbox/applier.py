"""The applier: takes accepted events and applies them, many leads in one transaction.

It looks for rows with `applied_at IS NULL`, never by cursor: sequence order is not commit order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

import structlog
from sqlalchemy.exc import OperationalError
from sqlmodel import Session, col, select

from leadloop.inbox.apply import Application
from leadloop.inbox.lead_rows import read_ahead
from leadloop.inbox.relaying.wakes import gather_wakes
from leadloop.inbox.turns.woken import WokenJourneys
from leadloop.scoring.ledger import gather_lines
from leadloop.storage.database import (
    DatabaseAwayError,
    RowMissingError,
    gave_up,
    give_up_waiting,
    lock_lead,
    lock_leads,
)
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Event, Lead

_LEADS_AT_ONCE = 50
"""Leads of one transaction. While it runs, other writers of these leads wait, on SQLite all writers."""
_PATIENCE = timedelta(milliseconds=20)
"""How long a transaction that holds several leads waits for what another one has locked."""
_LOOKED_AT = 1000
"""Pending events of which the leads are taken in one round."""
_FLOOD = 200
"""So many of them of one lead are a flood."""
_BACKLOG = 250
"""Leads with pending events. Where there are more, their events come before the turns of journeys."""
_OF_A_FLOOD = 500
"""Events of a flood that one transaction applies: so long others wait, on SQLite for each write."""

_PENDING = (
    select(Event.subject_id)
    .where(col(Event.applied_at).is_(None))
    .order_by(col(Event.received_at))
    .limit(_LOOKED_AT)
)
_log = structlog.get_logger()


def pending_leads(env: Environment) -> tuple[list[str], list[str]]:
    """Return the subjects of the oldest unapplied events, longest waiting first; apart those with a flood of
    them, which would hide the others."""
    with env.database.read() as session:
        found = Counter(session.exec(_PENDING).all())
        floods = [one for one, number in found.items() if number >= _FLOOD]
        if floods and found.total() >= _LOOKED_AT:
            found.update(session.exec(_PENDING.where(col(Event.subject_id).not_in(floods))).all())
    return [one for one in found if one not in floods], floods


def apply_once(env: Environment, woken: WokenJourneys | None = None) -> int:
    """Apply what is pending now, and is not being applied by somebody else; return the number of events.

    Of a lead with a flood of events it applies some, behind all others: nobody waits for the rest. `woken`
    takes the turns of journeys that this wakes, but for those of leads that are taken one by one, and not
    while there is a backlog.
    """
    waiting, floods = pending_leads(env)
    if len(waiting) > _BACKLOG:
        woken = None
    applied, held = 0, list[tuple[str, int | None]]()
    chunks = [
        (waiting[first : first + _LEADS_AT_ONCE], None) for first in range(0, len(waiting), _LEADS_AT_ONCE)
    ]
    for leads, most in [*chunks, *(([one], _OF_A_FLOOD) for one in floods)]:
        count, others = _apply_chunk(env, leads, most, woken)
        applied += count
        held += [(one, most) for one in others]
    if held and not applied:  # nothing is left but what others hold: wait for the oldest
        applied = apply_lead(env, *held[0])
    return applied


def apply_lead(env: Environment, lead_id: str, most: int | None = None) -> int:
    """Apply one lead's pending events under its lock, or the oldest `most`; return how many.

    One that cannot be applied is parked, and the later ones go on. Those of an unknown lead are parked too.
    """
    try:
        with env.database.write() as session:
            lead = lock_lead(session, lead_id)
            application = Application(session, env, lead, env.clock.now())
            applied = application.apply_pending(most=most)
            if lead.id != lead_id:
                applied += application.apply_pending(lead_id, most)
            return applied
    except RowMissingError:
        return _park(env, lead_id)


def _apply_chunk(
    env: Environment, lead_ids: Sequence[str], most: int | None, woken: WokenJourneys | None
) -> tuple[int, list[str]]:
    """Apply the pending events of several leads; return how many, and the leads that others hold.

    All or nothing: where one event cannot be applied, or something else is locked, nothing is written,
    and the leads are taken one by one.
    """
    try:
        return _apply_together(env, lead_ids, most, woken)
    except OperationalError as error:  # the database's fault (gone), not an event's: try again
        if not gave_up(error):
            raise
        reason = "locked"
    except DatabaseAwayError:
        raise
    except Exception as error:
        reason = type(error).__name__
    finally:
        if woken is not None:
            woken.take()
    _log.info("leads_taken_one_by_one", leads=len(lead_ids), reason=reason)
    return sum(apply_lead(env, lead_id, most) for lead_id in lead_ids), []


def _apply_together(
    env: Environment, lead_ids: Sequence[str], most: int | None, woken: WokenJourneys | None
) -> tuple[int, list[str]]:
    applied = 0
    with env.database.write() as session:
        give_up_waiting(session, _PATIENCE)
        leads = lock_leads(session, lead_ids)
        locked = {lead.id for lead in leads}
        left = [one for one in lead_ids if one not in locked]
        merged = _merged_of(session, left) if left else {}
        stored = env.publications.current(session)
        now = env.clock.now()
        rows = read_ahead(session, stored.publication, leads, now, most)
        with gather_wakes(session) as wakes, gather_lines(session):
            for lead in leads:
                application = Application(session, env, lead, now, stored=stored, rows=rows[lead.id])
                applied += application.apply_unguarded()
        if woken is not None:
            woken.expect({row["token"]: enrolment_id for enrolment_id, row in wakes.items()})
    applied += sum(apply_lead(env, one, most) for one in left if merged.get(one, True))
    return applied, [one for one in left if not merged.get(one, True)]


def _merged_of(session: Session, lead_ids: Sequence[str]) -> dict[str, bool]:
    """Return whether each of several leads was merged into another; those that do not exist are left out."""
    statement = select(Lead.id, Lead.merged_into).where(col(Lead.id).in_(lead_ids))
    return {lead_id: merged_into is not None for lead_id, merged_into in session.exec(statement).all()}


def _park(env: Environment, subject_id: str) -> int:
    """Park the events of a subject that is no lead; return how many."""
    with env.database.write() as session:
        rows = session.exec(
            select(Event).where(Event.subject_id == subject_id, col(Event.applied_at).is_(None))
        ).all()
        for event in rows:
            event.applied_at = env.clock.now()
            event.parked = "unknown lead"
            session.add(event)
    _log.warning("events_parked", subject_id=subject_id, count=len(rows))
    return len(rows)
