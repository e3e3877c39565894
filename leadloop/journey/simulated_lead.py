"""A lead that lives in memory: fields, events, ledger, bands and stage, by the rules of a publication.

It follows the applier as far as scores and lifecycle go, so that a simulated journey meets the same
conditions. No database.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import product
from typing import Any
from zoneinfo import ZoneInfo

from leadloop.conditions import FactValue
from leadloop.journey import lifecycle
from leadloop.journey.matching import event_matches, is_true
from leadloop.journey.points import band_of, leaves_at, score_of, shown, span_delta
from leadloop.language.plan import AtMost, Expression, Publication, ScoreRule

_TRUST = {"any": 0, "likely": 1, "verified": 2}
_MAX_DEPTH = 20
_TEXT = re.compile(r'"([^"]*)"|\'([^\']*)\'')
_NUMBER = re.compile(r"\b\d+\b")
_MOST_UNKNOWN = 3
"""Unknown fields that are tried together for one condition."""


@dataclass(frozen=True)
class SimulatedEvent:
    """A past fact of the simulation."""

    type: str
    properties: Mapping[str, Any]
    at: datetime
    seq: int
    trust: str = "likely"
    send_key: str | None = None
    """The mail it belongs to."""
    depth: int = 0


@dataclass(frozen=True)
class SimulatedEntry:
    """A line of the ledger."""

    model: str
    rule: str
    points: int
    at: datetime
    event: SimulatedEvent | None = None


@dataclass
class Applied:
    """What one event did: itself and those that followed, with the points each brought."""

    events: list[SimulatedEvent] = field(default_factory=list)
    entries: list[SimulatedEntry] = field(default_factory=list)


class SimulatedLead:
    """One lead. `stage`, `recycle_until` and `transition_truth` are what the lifecycle reads."""

    def __init__(self, publication: Publication, at: datetime, fields: Mapping[str, FactValue]) -> None:
        self.publication = publication
        self.zone = ZoneInfo(publication.workspace.timezone)
        self.fields = dict(fields)
        self.created_at = at
        self.stage = publication.lifecycle.stages[0]
        self.recycle_until: datetime | None = None
        self.transition_truth: dict[str, bool] = {}
        self.in_sales = False
        self.cycle = 0
        self.open_deals = 0
        self.events: list[SimulatedEvent] = []
        self.entries: list[SimulatedEntry] = []
        self.bands = {name: one.levels[-1][0] for name, one in publication.scoring.bands.items()}
        self.seq = 0

    def facts(self, now: datetime) -> dict[str, FactValue]:
        """Return the lead's facts as they are at an instant."""
        facts: dict[str, FactValue] = {
            "now": now,
            "lead.tags": [],
            "lead.stage": self.stage,
            "lead.cycle": self.cycle,
            "lead.in_sales": self.in_sales,
            "lead.created_at": self.created_at,
            "lead.company.open_deals": self.open_deals,
            **self.fields,
        }
        for model in self.publication.scoring.models:
            facts[f"lead.score.{model}"] = self.points(model, now)
        facts.update({f"lead.band.{model}": band for model, band in self.bands.items()})
        return facts

    def points(self, model: str, now: datetime) -> int:
        """Return a score in whole points."""
        return shown(self._score(model, now))

    def settle(self, now: datetime) -> Applied:
        """Bring attributes, bands and stage in line with the lead as it is."""
        applied = Applied()
        self._consequences(None, now, applied)
        return applied

    def apply(
        self,
        event_type: str,
        now: datetime,
        properties: Mapping[str, Any] | None = None,
        trust: str = "likely",
        send_key: str | None = None,
    ) -> Applied:
        """Let something happen; return it with all that follows from it."""
        applied = Applied()
        queue = deque([SimulatedEvent(event_type, properties or {}, now, 0, trust, send_key)])
        while queue:
            event = self._take(queue.popleft())
            applied.events.append(event)
            self._sales(event)
            self._score_event(event, applied)
            queue.extend(self._consequences(event, now, applied))
        return applied

    def add_points(self, model: str, rule: str, points: int, now: datetime) -> Applied:
        """Write a line of the ledger from outside the rules."""
        self.entries.append(SimulatedEntry(model, rule, points, now))
        return self._follow(now)

    def move_stage(self, stage: str, now: datetime) -> Applied:
        """Move to a stage where the transitions allow it."""
        if not lifecycle.allowed(self.publication.lifecycle, self.stage, stage):
            return Applied()
        return self.apply("stage_changed", now, self._moved(stage), "verified")

    def reset(self, models: tuple[str, ...], now: datetime) -> Applied:
        """Set scores back to nothing."""
        for model in models:
            self.entries.append(SimulatedEntry(model, "reset", -self.points(model, now), now))
        return self._follow(now)

    def settle_bands(self, now: datetime) -> Applied:
        """Follow what time or a changed cool-down did to bands, stage and conditions."""
        return self._follow(now)

    def next_decay(self, now: datetime) -> datetime | None:
        """Return when a band is left by decay alone, if nothing else happens."""
        scoring = self.publication.scoring
        found = [
            leaves_at(bands, scoring.models[name], self._score(name, now), self.bands[name], now)
            for name, bands in scoring.bands.items()
        ]
        return min((at for at in found if at is not None), default=None)

    def _follow(self, now: datetime) -> Applied:
        applied = Applied()
        queue = deque(self._consequences(None, now, applied))
        while queue:
            event = self._take(queue.popleft())
            applied.events.append(event)
            queue.extend(self._consequences(event, now, applied))
        return applied

    def _take(self, event: SimulatedEvent) -> SimulatedEvent:
        self.seq += 1
        numbered = SimulatedEvent(
            event.type, event.properties, event.at, self.seq, event.trust, event.send_key, event.depth
        )
        self.events.append(numbered)
        return numbered

    def _sales(self, event: SimulatedEvent) -> None:
        if event.type == "deal_opened":
            self.open_deals += 1
        elif event.type in ("deal_won", "deal_lost"):
            self.open_deals, self.in_sales = max(0, self.open_deals - 1), False
        elif event.type == "handoff_rejected":
            self.in_sales = False

    def _score_event(self, event: SimulatedEvent, applied: Applied) -> None:
        for name, model in self.publication.scoring.models.items():
            if _TRUST[event.trust] < _TRUST[model.trust]:
                continue
            for rule in model.rules:
                if not event_matches(rule.match, event, self.facts(event.at)):
                    continue
                if self._counts(name, rule, event):
                    entry = SimulatedEntry(name, rule.id, rule.points, event.at, event)
                    self.entries.append(entry)
                    applied.entries.append(entry)

    def _counts(self, model: str, rule: ScoreRule, event: SimulatedEvent) -> bool:
        earlier = [one for one in self.entries if one.model == model and one.rule == rule.id]
        if rule.at_most is not None:
            same = [one for one in earlier if self._same_period(rule.at_most, one, event)]
            if len(same) >= rule.at_most.count:
                return False
        if rule.every is None:
            return True
        since = event.at - span_delta(rule.every.within)
        after = earlier[-1].event.seq if earlier and earlier[-1].event else 0
        facts = self.facts(event.at)
        matching = [
            one
            for one in self.events
            if one.at > since and one.seq > after and event_matches(rule.match, one, facts)
        ]
        return len(matching) >= rule.every.times

    def _same_period(self, at_most: AtMost, entry: SimulatedEntry, event: SimulatedEvent) -> bool:
        if at_most.per == "message":
            return entry.event is not None and entry.event.send_key == event.send_key
        if at_most.per == "day":
            return entry.at.astimezone(self.zone).date() == event.at.astimezone(self.zone).date()
        return entry.at > event.at - span_delta(at_most.per)

    def _consequences(
        self, event: SimulatedEvent | None, now: datetime, applied: Applied
    ) -> Iterator[SimulatedEvent]:
        depth = event.depth + 1 if event is not None else 0
        if depth > _MAX_DEPTH:
            return iter(())
        derived = [*self._attributes(now, applied), *self._bands(now)]
        rules = self.publication.lifecycle
        facts = self.facts(now)
        if event is not None:
            found = lifecycle.transition_by_event(rules, self, event, facts)
            if found is not None:
                derived.append(("stage_changed", self._moved(found.to)))
        found = lifecycle.transition_by_condition(rules, self, self.facts(now), now)
        if found is not None:
            derived.append(("stage_changed", self._moved(found.to)))
        return iter(
            [SimulatedEvent(kind, values, now, 0, "verified", depth=depth) for kind, values in derived]
        )

    def _attributes(self, now: datetime, applied: Applied) -> list[tuple[str, dict[str, Any]]]:
        facts = self.facts(now)
        for name, model in self.publication.scoring.models.items():
            for attribute in model.attributes:
                held = sum(one.points for one in self._counting(name) if one.rule == attribute.id)
                wanted = attribute.points if is_true(attribute.when, facts) else 0
                if wanted != held:
                    entry = SimulatedEntry(name, attribute.id, wanted - held, now)
                    self.entries.append(entry)
                    applied.entries.append(entry)
        return []

    def _bands(self, now: datetime) -> Iterator[tuple[str, dict[str, Any]]]:
        for name, bands in self.publication.scoring.bands.items():
            old, new = self.bands[name], band_of(bands, self._score(name, now), self.bands[name])
            if new != old:
                self.bands[name] = new
                yield "band_changed", {"model": name, "from": old, "to": new}

    def _moved(self, stage: str) -> dict[str, Any]:
        moved = {"from": self.stage, "to": stage}
        self.stage = stage
        return moved

    def _counting(self, model: str) -> list[SimulatedEntry]:
        rows = [one for one in self.entries if one.model == model]
        for index in range(len(rows) - 1, -1, -1):
            if rows[index].rule == "reset":
                return rows[index + 1 :]
        return rows

    def _score(self, model: str, now: datetime) -> float:
        return score_of(self._counting(model), self.publication.scoring.models[model], now)


def likely_fields(publication: Publication, wishes: list[Expression], now: datetime) -> dict[str, FactValue]:
    """Return fields of a lead that meets as many of the wishes as it can, the first ones first.

    Values come from what the conditions themselves name: texts, numbers, an enum's values.
    """
    fields: dict[str, FactValue] = {}
    for wish in wishes:
        if is_true(wish, fields):
            continue
        open_names = [
            (name, kind)
            for name, kind in wish.variables.items()
            if name not in fields and name.startswith("lead.") and name.count(".") == 1
        ][:_MOST_UNKNOWN]
        values = [_candidates(wish, name, kind, publication, now) for name, kind in open_names]
        for chosen in product(*values):
            tried = fields | dict(zip((name for name, _ in open_names), chosen, strict=True))
            if is_true(wish, tried):
                fields = tried
                break
    return fields


def _candidates(
    wish: Expression, name: str, kind: str, publication: Publication, now: datetime
) -> list[FactValue]:
    spec = publication.workspace.lead_fields.get(name.removeprefix("lead."))
    values = list(spec.values) if spec is not None else []
    if kind == "bool":
        return [True, False]
    if kind == "int":
        numbers = [int(one) for one in _NUMBER.findall(wish.source)]
        return [near for one in numbers for near in (one, one + 1, max(0, one - 1))]
    if kind == "text":
        texts = [one or other for one, other in _TEXT.findall(wish.source)]
        return [*(one for one in texts if not values or one in values), *values]
    if kind == "instant":
        return [now]
    return []
