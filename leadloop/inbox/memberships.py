"""Segment membership, kept on the lead: joins and leaves become events."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from sqlalchemy import String, exists, func, type_coerce
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Session, col, select

from leadloop.inbox.relaying.due_rows import SEGMENTS
from leadloop.journey import segments
from leadloop.storage.tables import Event, Lead

if TYPE_CHECKING:
    from leadloop.inbox.apply import Application

ENTERED = "segment_entered"
LEFT = "segment_left"


def keep_segments(application: Application, cause: Event | None, silent: Collection[str] = ()) -> None:
    """Bring the lead's segments in line with its facts; say who came and went.

    `silent` segments change without an event: they are new, and the lead was a member all along. So
    does a segment that is no longer published. An erased lead is in none.
    """
    lead, published = application.lead, application.publication.segments
    if not published and not lead.segments:
        return
    before = list(lead.segments)
    after = segments.memberships(published, application.facts) if lead.erased_at is None else []
    if after != before:
        lead.segments = after
        application.session.add(lead)
        application.facts[segments.SEGMENTS] = list(after)
    told = published.keys() - set(silent) if lead.erased_at is None else set()
    for name in before:
        if name in told and name not in after:
            application.emit(LEFT, cause, segment=name)
    for name in after:
        if name in told and name not in before:
            application.emit(ENTERED, cause, segment=name)
    _look_again(application)


def members(session: Session, segment: str) -> list[str]:
    """Return the ids of the leads that are in a segment now, oldest first."""
    if session.get_bind().dialect.name == "postgresql":
        is_in = type_coerce(col(Lead.segments), JSONB).contains([segment])
    else:
        named = func.json_each(Lead.segments).table_valued("value")
        is_in = exists(select(1).select_from(named).where(named.c.value.cast(String) == segment))
    living = (col(Lead.erased_at).is_(None), col(Lead.merged_into).is_(None))
    return list(session.exec(select(Lead.id).where(is_in, *living).order_by(col(Lead.id))).all())


def _look_again(application: Application) -> None:
    """Note when time alone changes the answer of a question that a segment asks about the past."""
    lead = application.lead
    questions = segments.timed_questions(application.publication.segments.values())
    if not questions:  # a row that is left over fires once and is gone
        return
    at = segments.next_change(questions, application.facts) if lead.erased_at is None else None
    application.dues.write(f"{SEGMENTS}:{lead.id}", SEGMENTS, at)
