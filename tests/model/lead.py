"""The model's lead: what happened to it, its points, its stage, and what it may be mailed. In memory.

Written from `docs/journeys.md` and `docs/scenario-language.md`, not from the engine: of leadloop only the
pure parts are used (conditions, calendar arithmetic, compiled shapes).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from math import floor
from typing import Any, cast
from zoneinfo import ZoneInfo

from leadloop.conditions import SURROUNDINGS, Facts, FactValue, evaluate
from leadloop.journey.calendar import add_span, is_open
from leadloop.journey.fact_values import put_stored
from leadloop.language import plan as p
from tests.model.sales import Sales

ALL = "*"
REFUSED = "refused"
SECONDS = {"minutes": 60, "hours": 3600, "days": 86400, "weeks": 604800}


@dataclass(frozen=True)
class Fact:
    """A past fact about the lead."""

    type: str
    properties: Mapping[str, Any]
    at: datetime
    seq: int = 0
    send_key: str | None = None
    """The mail that it is about."""
    depth: int = 0
    by_person: bool = False
    identity: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Points:
    model: str
    rule: str
    points: int
    at: datetime
    fact: Fact | None = None


@dataclass
class Pause:
    """Topics that a `suppress` step stopped, until one of `lift_on` happens."""

    topics: Sequence[str]
    lift_on: Sequence[p.EventMatch]
    lifted: bool = False


@dataclass
class Lead:
    """What is known about one lead."""

    id: str
    publication: p.Publication
    created_at: datetime
    email: str
    stage: str = ""
    country: str = "JP"
    tags: list[str] = field(default_factory=list)
    fields: dict[str, Any] = field(default_factory=dict)
    segments: list[str] = field(default_factory=list)
    last_active_at: datetime | None = None
    erased: bool = False
    past: list[Fact] = field(default_factory=list)
    ledger: list[Points] = field(default_factory=list)
    bands: dict[str, str] = field(default_factory=dict)
    truths: dict[str, bool] = field(default_factory=dict)
    """Transition -> whether its condition was true when it was last looked at."""
    records: dict[str, dict[str, str]] = field(default_factory=dict)
    """Seminars that were reported: key -> fields."""
    sales: Sales = field(default_factory=Sales)
    cycle: int = 0
    """How many times it was taken back after a loss."""
    recycle_until: datetime | None = None
    """While it rests, conditions do not move its stage."""
    answers: list[tuple[str, str, datetime]] = field(default_factory=list)
    """Topic, basis, since when."""
    pauses: list[Pause] = field(default_factory=list)
    suppressed: bool = False

    def __post_init__(self) -> None:
        self.stage = self.stage or self.publication.lifecycle.stages[0]
        self.bands = {name: bands.levels[-1][0] for name, bands in self.publication.scoring.bands.items()}

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.publication.workspace.timezone)

    @property
    def send_calendar(self) -> p.Calendar | None:
        window = self.publication.workspace.limits.send_window
        return self.publication.workspace.calendars.get(window.calendar) if window else None

    # --- facts

    def facts(self, now: datetime) -> dict[str, FactValue]:
        """Return what conditions may read about the lead, with its past."""
        known: dict[str, FactValue | None] = {
            "now": now,
            "lead.email": self.email,
            "lead.stage": self.stage,
            "lead.country": self.country,
            "lead.tags": list(self.tags),
            "lead.segments": list(self.segments),
            "lead.cycle": self.cycle,
            "lead.in_sales": self.sales.works,
            "lead.created_at": self.created_at,
            "lead.last_active_at": self.last_active_at,
            "lead.company.open_deals": self.sales.open_deals,
        }
        facts: dict[str, FactValue] = {name: value for name, value in known.items() if value is not None}
        for name, value in self.fields.items():
            kind = self.publication.workspace.lead_fields[name].type
            put_stored(facts, f"lead.{name}", value, kind, self.zone)
        for model in self.publication.scoring.models:
            facts[f"lead.score.{model}"] = self.points(model, now)
        facts.update({f"lead.band.{model}": band for model, band in self.bands.items()})
        return Past(self, now).among(facts)

    # --- points

    def score(self, model: str, now: datetime) -> float:
        """score(t) = min(cap, Σ points · 2^(−age / half-life)), of what came after the last reset."""
        spec = self.publication.scoring.models[model]
        rows = [row for row in self.ledger if row.model == model]
        resets = [index for index, row in enumerate(rows) if row.rule == "reset"]
        rows = rows[resets[-1] + 1 :] if resets else rows
        if spec.half_life is None:
            total = float(sum(row.points for row in rows))
        else:
            half = spec.half_life.amount * SECONDS[spec.half_life.unit]
            total = sum(row.points * 0.5 ** ((now - row.at).total_seconds() / half) for row in rows)
        return total if spec.cap is None else min(total, spec.cap)

    def points(self, model: str, now: datetime) -> int:
        return floor(self.score(model, now) + 0.5 + 1e-9)

    def band(self, model: str, now: datetime) -> str:
        """A band begins at its limit and is left `hysteresis` points below it."""
        bands, points, held = (
            self.publication.scoring.bands[model],
            self.points(model, now),
            self.bands[model],
        )
        names = [name for name, _ in bands.levels]
        reached = next((name for name, limit in bands.levels if points >= limit), names[-1])
        if names.index(reached) > names.index(held) and points >= dict(bands.levels)[held] - bands.hysteresis:
            return held
        return reached

    def earned(self, fact: Fact, facts: Facts) -> Iterator[Points]:
        """The points that a fact brings by the rules; those of a rule as often as it allows."""
        for name, model in self.publication.scoring.models.items():
            for rule in model.rules:
                if not fits(rule.match, fact, facts):
                    continue
                same = [row for row in self.ledger if (row.model, row.rule) == (name, rule.id)]
                if rule.at_most is not None:
                    if rule.at_most.per == "message":
                        same = [row for row in same if row.fact and row.fact.send_key == fact.send_key]
                    elif rule.at_most.per == "day":
                        day = fact.at.astimezone(self.zone).date()
                        same = [row for row in same if row.at.astimezone(self.zone).date() == day]
                    else:
                        raise NotImplementedError(f"at_most per {rule.at_most.per}")
                    if len(same) >= rule.at_most.count:
                        continue
                yield Points(name, rule.id, rule.points, fact.at, fact)

    def add(self, model: str, rule: str, points: int, at: datetime) -> None:
        self.ledger.append(Points(model, rule, points, at))

    def attributes(self, facts: Facts, now: datetime) -> Iterator[Points]:
        """Points for who the lead is follow its fields."""
        for name, model in self.publication.scoring.models.items():
            for attribute in model.attributes:
                held = sum(row.points for row in self.ledger if (row.model, row.rule) == (name, attribute.id))
                wanted = attribute.points if holds(attribute.when, facts) else 0
                if wanted != held:
                    yield Points(name, attribute.id, wanted - held, now)

    # --- mail

    def answer(self, topic: str, basis: str, at: datetime) -> None:
        self.answers.append((topic, basis, at))

    def refused_at(self, topic: str) -> datetime | None:
        return max((at for at, basis in self._about(topic) if basis == REFUSED), default=None)

    def stands_refused(self, topic: str) -> datetime | None:
        """Since when a refusal stands that nothing newer has taken back."""
        refused = self.refused_at(topic)
        newer = [1 for at, basis in self._about(topic) if basis != REFUSED and refused and at > refused]
        return None if newer else refused

    def no_mail(self, topic_name: str, now: datetime) -> str | None:
        """Why a topic must not be mailed; None where it may be."""
        if self.erased:
            return "erased"
        if self.suppressed:
            return "suppressed"
        topic = self.publication.workspace.topics[topic_name]
        if any(not one.lifted and {topic_name, ALL} & set(one.topics) for one in self.pauses):
            return "suppressed_topic"
        refused = self.refused_at(topic_name)
        given = {
            basis for at, basis in self._about(topic_name) if at <= now and (refused is None or at > refused)
        }
        customer = self.stage == "customer" or "won" in self.sales.deals.values()
        if refused is None and customer:
            given.add("customer")
        if given & set(topic.basis):
            return None
        return "no_consent" if refused is None else "unsubscribed"

    def _about(self, topic: str) -> list[tuple[datetime, str]]:
        return [(at, basis) for name, basis, at in self.answers if name in (topic, ALL)]


@dataclass
class Past:
    """What conditions ask beyond facts: the lead's past; with `entered`, as one journey sees it."""

    lead: Lead
    now: datetime
    entered: int | None = None
    arrivals: Mapping[str, int] = field(default_factory=dict)
    sends: Mapping[str, Sequence[str]] = field(default_factory=dict)
    facts: Facts = field(default_factory=dict)

    @property
    def zone(self) -> ZoneInfo:
        return self.lead.zone

    def among(self, facts: dict[str, FactValue]) -> dict[str, FactValue]:
        cast(dict[str, Any], facts)[SURROUNDINGS] = self
        self.facts = facts
        return facts

    def arrived(self, arrivals: Mapping[str, int], facts: Facts) -> Past:
        return Past(self.lead, self.now, self.entered, arrivals, self.sends, facts)

    def did(self, question: p.Did) -> bool:
        """Count what the lead did: `since` the entry or a step, `within` a time, `of` some mails."""
        since: int | None = 0
        if question.since == "entry":
            since = self.entered
        elif question.since is not None:
            since = self.arrivals.get(question.since)
        if since is None:
            return False
        earliest = datetime.min.replace(tzinfo=self.now.tzinfo)
        if question.within is not None:
            back = p.Span(amount=-question.within.amount, unit=question.within.unit)
            earliest = add_span(self.now, back, self.zone, self.lead.send_calendar)
        keys = {key for step in question.match.of for key in self.sends.get(step, ())}
        found = [
            fact
            for fact in self.lead.past
            if fact.seq > since
            and fact.at >= earliest
            and (not question.match.of or fact.send_key in keys)
            and fits(question.match, fact, self.facts)
        ]
        return len(found) >= question.at_least

    def is_open(self, calendar: str) -> bool:
        return is_open(self.lead.publication.workspace.calendars[calendar], self.now, self.zone)


def holds(condition: p.Expression, facts: Facts) -> bool:
    """Unknown is not true."""
    return evaluate(condition, facts).truth is True


def fits(match: p.EventMatch, fact: Fact, facts: Facts) -> bool:
    """Compare type and properties: one of the values, or text that begins so; then `where`."""
    if match.event != fact.type:
        return False
    for wanted in match.properties:
        value = fact.properties.get(wanted.name)
        if wanted.prefix is not None:
            if not (isinstance(value, str) and value.startswith(wanted.prefix)):
                return False
        elif value is None or value not in wanted.values:
            return False
    own = {f"event.{name}": value for name, value in fact.properties.items()}
    return match.where is None or holds(match.where, {**facts, **own})
