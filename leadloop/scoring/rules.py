"""Points for what people do and who they are."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple, Protocol
from zoneinfo import ZoneInfo

from sqlmodel import Session

from leadloop.conditions import Facts
from leadloop.journey.once import OncePer
from leadloop.language.plan import AtMost, Every, ScoreRule, Scoring, digest
from leadloop.scoring.earlier_events import EarlierEvents
from leadloop.scoring.ledger import LeadLedger, span_delta
from leadloop.scoring.matching import event_matches, is_true, property_matches
from leadloop.storage.tables import Event

_TRUST = {"any": 0, "likely": 1, "verified": 2}


class _Rule(NamedTuple):
    """A rule with the model it belongs to."""

    model: str
    digest: str
    trust: int
    """The least trust that an event needs."""
    rule: ScoreRule


class _LineLike(Protocol):
    """A line of the ledger: as it is stored, or as scores are worked out from it."""

    @property
    def event_id(self) -> str | None: ...

    @property
    def message_id(self) -> str | None: ...

    @property
    def at(self) -> datetime: ...

    @property
    def equivalent(self) -> float | None: ...


def _digests(scoring: Scoring) -> Mapping[str, str]:
    return {name: digest(model)[:16] for name, model in scoring.models.items()}


def _by_event(scoring: Scoring) -> Mapping[str, list[_Rule]]:
    digests = _digests_of(scoring)
    found: dict[str, list[_Rule]] = {}
    for name, model in scoring.models.items():
        for rule in model.rules:
            one = _Rule(name, digests[name], _TRUST[model.trust], rule)
            found.setdefault(rule.match.event, []).append(one)
    return found


_digests_of = OncePer(_digests)
_rules_of = OncePer(_by_event)


def looks_back(scoring: Scoring, event: Event) -> datetime | None:
    """Return from when on a rule with `every` may count events of this one's type; None: no rule does."""
    spans = [span_delta(every.within) for _, _, every in _counting(scoring, event)]
    return event.occurred_at - max(spans) if spans else None


def last_counted(scoring: Scoring, book: LeadLedger, event: Event) -> list[str]:
    """Return the events for which rules with `every` that may count this one gave points last."""
    lines = [book.all_entries(model, rule_id)[-1:] for model, rule_id, _ in _counting(scoring, event)]
    return [line.event_id for last in lines for line in last if line.event_id]


def _counting(scoring: Scoring, event: Event) -> list[tuple[str, str, Every]]:
    """Return the rules with `every` that an event may count for: model, id, `every`."""
    return [
        (one.model, one.rule.id, one.rule.every)
        for one in _rules_of(scoring).get(event.type, ())
        if one.rule.every is not None
        and all(property_matches(wanted, event.properties) for wanted in one.rule.match.properties)
    ]


def score_event(
    book: LeadLedger,
    scoring: Scoring,
    event: Event,
    facts: Facts,
    zone: ZoneInfo,
    earlier: EarlierEvents | None = None,
) -> set[str]:
    """Write the entries that an event earns; return the models that changed."""
    changed = set()
    trust = _TRUST.get(event.trust, 0)
    for model, its_digest, needed, rule in _rules_of(scoring).get(event.type, ()):
        if trust < needed or not event_matches(rule.match, event, facts):
            continue
        if not _counts(book, model, rule, event, facts, zone, earlier):
            continue
        added = book.add(
            entry_key=f"{book.lead_id}:{model}:{rule.id}:{event.id}",
            model=model,
            rule_id=rule.id,
            points=rule.points,
            ruleset_digest=its_digest,
            at=event.occurred_at,
            event_id=event.id,
            message_id=event.message_id or "",
        )
        if added:
            changed.add(model)
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
                    ruleset_digest=_digests_of(scoring)[name],
                    at=now,
                    event_id=event_id,
                    reason="attribute" if difference > 0 else "attribute no longer true",
                )
                changed.add(name)
    return changed


def _counts(
    book: LeadLedger,
    model: str,
    rule: ScoreRule,
    event: Event,
    facts: Facts,
    zone: ZoneInfo,
    earlier: EarlierEvents | None,
) -> bool:
    if rule.at_most is not None:
        so_far = book.all_entries(model, rule.id)
        counted = sum(row.entries for row in so_far if _same_period(book, rule.at_most, row, event, zone))
        if counted >= rule.at_most.count:
            return False
    if rule.every is None:
        return True
    earlier = earlier or EarlierEvents(book.session, book.lead_id)
    return _matches_since_entry(book, earlier, model, rule, event, facts) >= rule.every.times


def message_of(session: Session, row: _LineLike) -> str | None:
    """Return the message that a line of the ledger is about: empty for none, None if it is not known."""
    if row.message_id is not None:
        return row.message_id
    event = session.get(Event, row.event_id) if row.event_id else None
    return (event.message_id or "") if event is not None else None


def _same_period(book: LeadLedger, at_most: AtMost, row: _LineLike, event: Event, zone: ZoneInfo) -> bool:
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


def _matches_since_entry(
    book: LeadLedger, earlier: EarlierEvents, model: str, rule: ScoreRule, event: Event, facts: Facts
) -> int:
    """Count matching events in the span, since the rule last gave points; this one included."""
    assert rule.every is not None
    lines = book.all_entries(model, rule.id)
    last = earlier.seq_of(lines[-1].event_id) if lines and lines[-1].event_id else 0
    since = event.occurred_at - span_delta(rule.every.within)
    counted = (other for other in earlier.of(event.type, since) if other.lead_seq > last)
    return 1 + sum(other.id != event.id and event_matches(rule.match, other, facts) for other in counted)
