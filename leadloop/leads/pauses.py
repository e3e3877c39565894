"""Pauses of topics: ours to make and to lift. They give back nothing that the person refused."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from sqlalchemy import bindparam, or_
from sqlmodel import Session, col, select

from leadloop.conditions import Facts
from leadloop.journey.matching import event_matches
from leadloop.language.plan import EventMatch
from leadloop.storage.tables import Event, Lead, TopicSuppression

_ALL_TOPICS = "*"
_OPEN = select(TopicSuppression).where(
    TopicSuppression.lead_id == bindparam("lead_id"), col(TopicSuppression.lifted_at).is_(None)
)

_OPEN_OF_MANY = select(TopicSuppression).where(
    col(TopicSuppression.lead_id).in_(bindparam("ids", expanding=True)),
    col(TopicSuppression.lifted_at).is_(None),
)
_PAUSED = select(TopicSuppression.id).where(
    TopicSuppression.lead_id == bindparam("lead_id"),
    or_(col(TopicSuppression.topic) == bindparam("topic"), col(TopicSuppression.topic) == _ALL_TOPICS),
    col(TopicSuppression.lifted_at).is_(None),
)


def suppress_topics(
    session: Session,
    lead_id: str,
    *,
    key: str,
    topics: Sequence[str],
    reason: str,
    lift_on: Sequence[EventMatch],
    at: datetime,
) -> None:
    """Stop mailing topics for a reason of ours, until an event of `lift_on`; once for each `key`."""
    known = set(
        session.exec(select(TopicSuppression.topic).where(TopicSuppression.suppression_key == key)).all()
    )
    for topic in topics:
        if topic not in known:
            session.add(
                TopicSuppression(
                    suppression_key=key,
                    lead_id=lead_id,
                    topic=topic,
                    reason=reason,
                    lift_on=[match.model_dump(mode="json") for match in lift_on],
                    at=at,
                )
            )
    session.flush()


def open_suppressions(session: Session, lead: Lead) -> list[TopicSuppression]:
    """Return the pauses of topics that nothing has lifted."""
    return list(session.exec(_OPEN, params={"lead_id": lead.id}).all())


def open_suppressions_of(session: Session, lead_ids: Sequence[str]) -> list[TopicSuppression]:
    """Return the pauses of several leads that nothing has lifted."""
    return list(session.exec(_OPEN_OF_MANY, params={"ids": list(lead_ids)}).all())


def lift_suppressions(
    rows: Iterable[TopicSuppression],
    session: Session,
    event: Event,
    facts: Callable[[], Facts],
    now: datetime,
) -> None:
    """End the pauses of topics that this event lifts. `facts` are the lead's, read where one asks."""
    for row in rows:
        if row.lifted_at is not None:
            continue
        matches = [EventMatch.model_validate(one) for one in row.lift_on]
        if any(one.event == event.type and event_matches(one, event, facts()) for one in matches):
            row.lifted_at = now
            row.lifted_by = event.id
            session.add(row)


def is_paused(session: Session, lead_id: str, topic: str) -> bool:
    """Return whether mails of a topic are stopped for a reason of ours."""
    session.flush()
    return session.connection().execute(_PAUSED, {"lead_id": lead_id, "topic": topic}).first() is not None
