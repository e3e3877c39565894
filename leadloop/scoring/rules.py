"""Points for what people do and who they are."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, func, select

from leadloop.conditions import Facts
from leadloop.language.plan import ScoreRule, Scoring, Span, digest
from leadloop.scoring import ledger
from leadloop.scoring.matching import event_matches, is_true
from leadloop.storage.tables import Event, ScoreEntry

_TRUST = {"any": 0, "likely": 1, "verified": 2}


def score_event(
    session: Session, scoring: Scoring, event: Event, lead_id: str, facts: Facts, zone: ZoneInfo
) -> set[str]:
    """Write the entries that an event earns; return the models that changed."""
    changed = set()
    for name, model in scoring.models.items():
        if _TRUST.get(event.trust, 0) < _TRUST[model.trust]:
            continue
        for rule in model.rules:
            if event_matches(rule.match, event, facts) and _counts(
                session, name, rule, event, lead_id, facts, zone
            ):
                added = ledger.add_entry(
                    session,
                    entry_key=f"{lead_id}:{name}:{rule.id}:{event.id}",
                    lead_id=lead_id,
                    model=name,
                    rule_id=rule.id,
                    points=rule.points,
                    ruleset_digest=digest(model)[:16],
                    at=event.occurred_at,
                    event_id=event.id,
                )
                if added:
                    changed.add(name)
    return changed


def score_attributes(
    session: Session, scoring: Scoring, lead_id: str, facts: Facts, now: datetime, event_id: str | None
) -> set[str]:
    """Bring the points for who a lead is in line with its fields; return the changed models."""
    changed = set()
    for name, model in scoring.models.items():
        if not model.attributes:
            continue
        held = _points_by_rule(session, lead_id, name)
        for attribute in model.attributes:
            wanted = attribute.points if is_true(attribute.when, facts) else 0
            difference = wanted - held.get(attribute.id, 0)
            if difference:
                ledger.add_entry(
                    session,
                    entry_key=f"{lead_id}:{name}:{attribute.id}:{event_id}:{now.isoformat()}",
                    lead_id=lead_id,
                    model=name,
                    rule_id=attribute.id,
                    points=difference,
                    ruleset_digest=digest(model)[:16],
                    at=now,
                    event_id=event_id,
                    reason="attribute" if difference > 0 else "attribute no longer true",
                )
                changed.add(name)
    return changed


def _points_by_rule(session: Session, lead_id: str, model: str) -> dict[str, int]:
    points: dict[str, int] = {}
    for row in ledger.entries(session, lead_id, model):
        points[row.rule_id] = points.get(row.rule_id, 0) + row.points
    return points


def _counts(
    session: Session,
    model: str,
    rule: ScoreRule,
    event: Event,
    lead_id: str,
    facts: Facts,
    zone: ZoneInfo,
) -> bool:
    if rule.at_most is not None and _count_so_far(session, model, rule, event, lead_id, zone) >= (
        rule.at_most.count
    ):
        return False
    if rule.every is None:
        return True
    return _matches_since_entry(session, model, rule, event, lead_id, facts) >= rule.every.times


def _count_so_far(
    session: Session, model: str, rule: ScoreRule, event: Event, lead_id: str, zone: ZoneInfo
) -> int:
    assert rule.at_most is not None
    statement = (
        select(func.count())
        .select_from(ScoreEntry)
        .where(
            ScoreEntry.lead_id == lead_id,
            ScoreEntry.model == model,
            ScoreEntry.rule_id == rule.id,
        )
    )
    per = rule.at_most.per
    if per == "message":
        statement = statement.join(Event, col(Event.id) == col(ScoreEntry.event_id)).where(
            Event.message_id == event.message_id
        )
    elif per == "day":
        day = event.occurred_at.astimezone(zone).date()
        start = datetime.combine(day, time(), zone)
        statement = statement.where(ScoreEntry.at >= start, ScoreEntry.at < start + timedelta(days=1))
    elif isinstance(per, Span):
        statement = statement.where(ScoreEntry.at > event.occurred_at - ledger.span_delta(per))
    return session.exec(statement).one()


def _matches_since_entry(
    session: Session, model: str, rule: ScoreRule, event: Event, lead_id: str, facts: Facts
) -> int:
    """Count matching events in the span, since the rule last gave points; this one included."""
    assert rule.every is not None
    start = event.occurred_at - ledger.span_delta(rule.every.within)
    last = session.exec(
        select(func.max(Event.lead_seq))
        .select_from(ScoreEntry)
        .join(Event, col(Event.id) == col(ScoreEntry.event_id))
        .where(ScoreEntry.lead_id == lead_id, ScoreEntry.model == model, ScoreEntry.rule_id == rule.id)
    ).one()
    statement = select(Event).where(
        Event.lead_id == lead_id,
        Event.type == event.type,
        Event.occurred_at > start,
        col(Event.lead_seq) > (last or 0),
        Event.id != event.id,
    )
    earlier = session.exec(statement).all()
    return 1 + sum(event_matches(rule.match, other, facts) for other in earlier)
