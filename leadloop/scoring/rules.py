"""Points for what people do and who they are."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, select

from leadloop.conditions import Facts
from leadloop.language.plan import AtMost, ScoreRule, Scoring, digest
from leadloop.scoring.ledger import LeadLedger, span_delta
from leadloop.scoring.matching import event_matches, is_true
from leadloop.storage.tables import Event, ScoreEntry

_TRUST = {"any": 0, "likely": 1, "verified": 2}


def score_event(book: LeadLedger, scoring: Scoring, event: Event, facts: Facts, zone: ZoneInfo) -> set[str]:
    """Write the entries that an event earns; return the models that changed."""
    changed = set()
    for name, model in scoring.models.items():
        if _TRUST.get(event.trust, 0) < _TRUST[model.trust]:
            continue
        for rule in model.rules:
            if not event_matches(rule.match, event, facts):
                continue
            if not _counts(book, name, rule, event, facts, zone):
                continue
            added = book.add(
                entry_key=f"{book.lead_id}:{name}:{rule.id}:{event.id}",
                model=name,
                rule_id=rule.id,
                points=rule.points,
                ruleset_digest=digest(model)[:16],
                at=event.occurred_at,
                event_id=event.id,
                message_id=event.message_id or "",
            )
            if added:
                changed.add(name)
    return changed


def score_attributes(
    book: LeadLedger, scoring: Scoring, facts: Facts, now: datetime, event_id: str | None
) -> set[str]:
    """Bring the points for who a lead is in line with its fields; return the changed models."""
    changed = set()
    for name, model in scoring.models.items():
        held: dict[str, int] = {}
        for row in book.entries(name) if model.attributes else ():
            held[row.rule_id] = held.get(row.rule_id, 0) + row.points
        for attribute in model.attributes:
            wanted = attribute.points if is_true(attribute.when, facts) else 0
            difference = wanted - held.get(attribute.id, 0)
            if difference:
                book.add(
                    entry_key=f"{book.lead_id}:{name}:{attribute.id}:{event_id}:{now.isoformat()}",
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


def _counts(
    book: LeadLedger, model: str, rule: ScoreRule, event: Event, facts: Facts, zone: ZoneInfo
) -> bool:
    if rule.at_most is not None:
        so_far = book.all_entries(model, rule.id)
        counted = sum(row.entries for row in so_far if _same_period(book, rule.at_most, row, event, zone))
        if counted >= rule.at_most.count:
            return False
    if rule.every is None:
        return True
    return _matches_since_entry(book, model, rule, event, facts) >= rule.every.times


def message_of(session: Session, row: ScoreEntry) -> str | None:
    """Return the message that a line of the ledger is about: empty for none, None if it is not known."""
    if row.message_id is not None:
        return row.message_id
    event = session.get(Event, row.event_id) if row.event_id else None
    return (event.message_id or "") if event is not None else None


def _same_period(book: LeadLedger, at_most: AtMost, row: ScoreEntry, event: Event, zone: ZoneInfo) -> bool:
    """Return whether an earlier entry falls into the period that the limit counts in.

    One that stands for several may fall into any period up to its instant: an event that is reported
    so late gets no points, rather than too many.
    """
    if at_most.per == "message":
        return message_of(book.session, row) == (event.message_id or "")
    if row.equivalent is not None and event.occurred_at <= row.at:
        return True
    if at_most.per == "day":
        return row.at.astimezone(zone).date() == event.occurred_at.astimezone(zone).date()
    return row.at > event.occurred_at - span_delta(at_most.per)


def _matches_since_entry(book: LeadLedger, model: str, rule: ScoreRule, event: Event, facts: Facts) -> int:
    """Count matching events in the span, since the rule last gave points; this one included."""
    assert rule.every is not None
    rows = book.all_entries(model, rule.id)
    last = book.session.get(Event, rows[-1].event_id) if rows and rows[-1].event_id else None
    earlier = book.session.exec(
        select(Event).where(
            Event.lead_id == book.lead_id,
            Event.type == event.type,
            Event.occurred_at > event.occurred_at - span_delta(rule.every.within),
            col(Event.lead_seq) > ((last.lead_seq or 0) if last is not None else 0),
            Event.id != event.id,
        )
    ).all()
    return 1 + sum(event_matches(rule.match, other, facts) for other in earlier)
