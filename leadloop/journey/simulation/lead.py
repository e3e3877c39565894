"""A lead that lives in memory: fields, events, points, segments and stage, by the rules of a publication.

It follows the applier as far as the lead goes, so that a simulated journey meets the same conditions.
No database.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from leadloop.conditions import FactValue
from leadloop.journey import lifecycle, segments
from leadloop.journey.fact_values import put_fact, put_stored
from leadloop.journey.simulation.events import Applied, SimulatedEvent
from leadloop.journey.simulation.ledger import SimulatedLedger
from leadloop.journey.simulation.past import SimulatedPast
from leadloop.journey.simulation.permissions import Permissions
from leadloop.language.plan import Publication

_MAX_DEPTH = 20
_CUSTOMER = "customer"


class SimulatedLead:
    """One lead. `stage`, `recycle_until` and `transition_truth` are what the lifecycle reads."""

    def __init__(self, publication: Publication, at: datetime) -> None:
        self.publication = publication
        self.fields: dict[str, Any] = {}
        """As they are stored: a day is ISO 8601 text."""
        self.company: dict[str, Any] = {}
        self.tags: list[str] = []
        self.segments: list[str] = []
        self.made_members: set[str] = set()
        """Segments that the lead is in whatever their condition says, because an entry needs it."""
        self.colleagues: dict[str, int] = {}
        """Model -> points of the company's other people together."""
        self.created_at = at
        self.last_active_at: datetime | None = None
        self.stage = publication.lifecycle.stages[0]
        self.recycle_until: datetime | None = None
        self.transition_truth: dict[str, bool] = {}
        self.in_sales = False
        self.cycle = 0
        self.open_deals = 0
        self.won = False
        self.events: list[SimulatedEvent] = []
        self.ledger = SimulatedLedger(publication)
        self.permissions = Permissions(publication.workspace)

    @property
    def zone(self) -> ZoneInfo:
        """The lead's time zone: its own, else the workspace's."""
        own = self.fields.get("timezone")
        try:
            return ZoneInfo(own or self.publication.workspace.timezone)
        except (ZoneInfoNotFoundError, ValueError):
            return ZoneInfo(self.publication.workspace.timezone)

    @property
    def seq(self) -> int:
        """The number of the newest event, from 1."""
        return len(self.events)

    def facts(self, now: datetime) -> dict[str, FactValue]:
        """Return the lead's facts as they are at an instant, with its past."""
        zone, workspace = self.zone, self.publication.workspace
        facts: dict[str, FactValue] = {
            "now": now,
            "lead.tags": list(self.tags),
            "lead.segments": list(self.segments),
            "lead.stage": self.stage,
            "lead.cycle": self.cycle,
            "lead.in_sales": self.in_sales,
            "lead.company.open_deals": self.open_deals,
        }
        put_fact(facts, "lead.created_at", self.created_at, zone)
        put_fact(facts, "lead.last_active_at", self.last_active_at, zone)
        for name, value in self.fields.items():
            spec = workspace.lead_fields.get(name)
            put_stored(facts, f"lead.{name}", value, spec.type if spec else "text", zone)
        for name, value in self.company.items():
            put_fact(facts, f"lead.company.{name}", value, zone)
        for model in self.publication.scoring.models:
            points = self.ledger.points(model, now)
            facts[f"lead.score.{model}"] = points
            if self.company:
                facts[f"lead.company.score.{model}"] = points + self.colleagues.get(model, 0)
        facts.update({f"lead.band.{model}": band for model, band in self.ledger.bands.items()})
        return SimulatedPast(self.events, workspace, zone, now).bind(facts)

    def refusal(self, topic: str, now: datetime) -> str | None:
        """Return why the lead must not be mailed a topic now; None where it may."""
        customer = self.won or self.stage == _CUSTOMER
        return self.permissions.refusal(topic, bool(self.fields.get("email")), customer, now)

    def apply(
        self,
        event_type: str,
        now: datetime,
        properties: Mapping[str, Any] | None = None,
        trust: str = "likely",
        send_key: str | None = None,
        by_person: bool = False,
    ) -> Applied:
        """Apply one event and everything that follows from it."""
        if by_person:
            self.last_active_at = now
        return self._follow(now, SimulatedEvent(event_type, properties or {}, now, 0, trust, send_key))

    def add_points(self, model: str, rule: str, points: int, now: datetime) -> Applied:
        """Write points that no event brought, where the model is published."""
        if model not in self.publication.scoring.models:
            return Applied()
        entry = self.ledger.add(model, rule, points, now)
        applied = self._follow(now)
        applied.entries.insert(0, entry)
        return applied

    def move_stage(self, stage: str, now: datetime) -> Applied:
        """Move to a stage where the transitions allow it."""
        if not lifecycle.allowed(self.publication.lifecycle, self.stage, stage):
            return Applied()
        return self._follow(now, SimulatedEvent("stage_changed", self._moved(stage), now, 0, "verified"))

    def reset(self, models: tuple[str, ...], now: datetime) -> Applied:
        """Set scores back to nothing."""
        for model in models:
            if model in self.publication.scoring.models:
                self.ledger.reset(model, now)
        return self._follow(now)

    def settle(self, now: datetime) -> Applied:
        """Follow what time, or a change of the lead, did to points, segments, stage and conditions."""
        return self._follow(now)

    def next_change(self, now: datetime) -> datetime | None:
        """Return when time alone changes a band, a compared score or a segment."""
        questions = segments.timed_questions(self.publication.segments.values())
        at = segments.next_change(questions, self.facts(now)) if questions else None
        found = [one for one in (self.ledger.next_decay(now), at) if one is not None]
        return min(found, default=None)

    def _follow(self, now: datetime, first: SimulatedEvent | None = None) -> Applied:
        """Apply an event, or look at the lead without one, and then all that follows."""
        applied = Applied()
        queue: deque[SimulatedEvent] = deque()
        if first is not None:
            queue.append(first)
        else:
            queue.extend(self._consequences(None, now, applied))
        while queue:
            event = self._take(queue.popleft(), applied)
            queue.extend(self._consequences(event, now, applied))
        return applied

    def _take(self, event: SimulatedEvent, applied: Applied) -> SimulatedEvent:
        event = replace(event, seq=self.seq + 1)
        self.events.append(event)
        applied.events.append(event)
        now = event.occurred_at
        self.permissions.note(event, self.facts(now))
        self._sales(event)
        scored = self.ledger.count(event, self.events, lambda: self.facts(now), self.zone)
        applied.entries.extend(scored)
        return event

    def _sales(self, event: SimulatedEvent) -> None:
        if event.type == "deal_opened":
            self.open_deals, self.in_sales = self.open_deals + 1, True
        elif event.type in ("deal_won", "deal_lost"):
            self.open_deals = max(0, self.open_deals - 1)
            self.in_sales = event.type == "deal_lost" and self.open_deals > 0
            self.won = self.won or event.type == "deal_won"
        elif event.type in ("handed_off", "handoff_accepted"):
            self.in_sales = True
        elif event.type == "handoff_rejected":
            self.in_sales = self.open_deals > 0

    def _consequences(
        self, event: SimulatedEvent | None, now: datetime, applied: Applied
    ) -> Iterator[SimulatedEvent]:
        depth = event.depth + 1 if event is not None else 0
        if depth > _MAX_DEPTH:
            return iter(())
        derived = list(self.ledger.moves(now)) if event is not None else []
        applied.entries.extend(self.ledger.attributes(self.facts(now), now))
        derived += [*self.ledger.moves(now), *self._memberships(now)]
        rules = self.publication.lifecycle
        if event is not None:
            found = lifecycle.transition_by_event(rules, self, event, self.facts(now))
            if found is not None:
                derived.append(("stage_changed", self._moved(found.to)))
        found = lifecycle.transition_by_condition(rules, self, self.facts(now), now)
        if found is not None:
            derived.append(("stage_changed", self._moved(found.to)))
        return iter(
            [SimulatedEvent(kind, values, now, 0, "verified", depth=depth) for kind, values in derived]
        )

    def _memberships(self, now: datetime) -> Iterator[tuple[str, dict[str, Any]]]:
        published = self.publication.segments
        before = list(self.segments)
        found = segments.memberships(published, self.facts(now)) if published else []
        self.segments = [name for name in published if name in found or name in self.made_members]
        for name in before:
            if name not in self.segments:
                yield "segment_left", {"segment": name}
        for name in self.segments:
            if name not in before:
                yield "segment_entered", {"segment": name}

    def _moved(self, stage: str) -> dict[str, Any]:
        moved = {"from": self.stage, "to": stage}
        self.stage = stage
        return moved
