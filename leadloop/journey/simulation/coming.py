"""Who comes to a scenario in a simulation, when, and for which record: made up for one of its entries."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from leadloop.conditions import Facts, FactValue
from leadloop.journey.calendar import add_span, resolve_wait
from leadloop.journey.matching import is_true, matches
from leadloop.journey.schedule import next_instant, zone_of
from leadloop.journey.simulation.choices import Choices
from leadloop.journey.simulation.events import SimulatedEvent
from leadloop.journey.simulation.fields import COMPANY, WHO, as_stored, likely_fields, stored
from leadloop.journey.simulation.lead import SimulatedLead
from leadloop.journey.simulation.records import MadeUpRecord, made_up_record
from leadloop.language.plan import (
    Calendar,
    DateMatch,
    Entry,
    EventMatch,
    Expression,
    InactiveMatch,
    Plan,
    Publication,
    ScheduleMatch,
    SegmentMatch,
    Span,
    StageMatch,
    Until,
    WaitSpec,
)

_KNOWN_FOR = timedelta(days=30)
_MOMENT = timedelta(microseconds=1)
_NAMED = re.compile(r"[\"']([\w-]+)[\"']\s+in\s+lead\.segments")


@dataclass
class Coming:
    """A lead on its way to an entry."""

    lead: SimulatedLead
    at: datetime
    entry: Entry
    index: int
    record: MadeUpRecord | None
    known: tuple[str, ...]
    """What was made up so that the conditions are met, as `field value`."""
    agreed: tuple[str, ...] = ()
    """Topics that it may be mailed from the beginning."""

    def is_again(self, event: SimulatedEvent, facts: Facts) -> bool:
        """Return whether an event is the entry once more."""
        match = self.entry.match
        return isinstance(match, EventMatch | StageMatch) and matches(match, event, facts)


def who_comes(publication: Publication, plan: Plan, start: datetime, choices: Choices) -> Coming:
    """Return a lead that can enter a scenario by one of its entries, as far as that can be made up."""
    index = choices.entry or 0
    entry = plan.entry[index]
    zone = ZoneInfo(publication.workspace.timezone)
    record = made_up_record(publication, plan, start)
    at, by_time, values = start, False, {}
    match = entry.match
    calendar = _send_calendar(publication)
    if isinstance(match, ScheduleMatch):
        at, by_time = next_instant(match.schedule, start - _MOMENT, zone_of(match, zone)), True
    elif isinstance(match, DateMatch):
        day = _day_for(match, start, zone, calendar)
        at, by_time = _entered_at(match, day, start, zone, calendar), True
        kind, _, name = match.fact.partition(".")
        if record is not None and kind == record.kind:
            given = _as_declared(day, record.declared.fields[name].type, zone)
            record = replace(record, fields={**record.fields, name: given})
        else:
            spec = publication.workspace.lead_fields.get(name)
            values[name] = _as_declared(day, spec.type if spec else "date", zone)
    lead = SimulatedLead(publication, at - _KNOWN_FOR if by_time else at)
    if isinstance(match, InactiveMatch):
        since = add_span(at, Span(amount=-match.after.amount, unit=match.after.unit), zone, calendar)
        lead.created_at = lead.last_active_at = since
    lead.fields, lead.company = {**WHO, **values}, dict(COMPANY)
    agreed = lead.permissions.agree(lead.created_at)
    if choices.lead is not None:
        known = _as_given(lead, choices.lead, at)
    else:
        known = _made_up(lead, publication, plan, entry, at, record)
    return Coming(lead, at, entry, index, record, tuple(known), tuple(agreed))


# --- when


def _day_for(match: DateMatch, start: datetime, zone: ZoneInfo, calendar: Calendar | None) -> date:
    """Return the date that lets the lead enter on the first day."""
    offset = match.offset
    if offset is None:
        return start.astimezone(zone).date()
    back = Span(amount=-offset.amount, unit=offset.unit)
    return add_span(start, back, zone, calendar).astimezone(zone).date()


def _entered_at(
    match: DateMatch, day: date, start: datetime, zone: ZoneInfo, calendar: Calendar | None
) -> datetime:
    found = resolve_wait(
        WaitSpec(until=Until(fact=match.fact, offset=match.offset), at=match.at),
        start=start,
        zone=zone,
        calendar=calendar,
        fact=lambda name: day.isoformat(),
    )
    return found.at if found is not None else start


def _as_declared(day: date, kind: str, zone: ZoneInfo) -> str:
    if kind == "datetime":
        return datetime(day.year, day.month, day.day, 14, tzinfo=zone).isoformat()
    return day.isoformat()


# --- who


def _as_given(lead: SimulatedLead, given: Mapping[str, Any], at: datetime) -> list[str]:
    """Take over the fields of a lead file; what it does not say stays as it is made up."""
    scoring = lead.publication.scoring
    for name, value in given.items():
        if name == "company":
            lead.company = {**lead.company, **value}
            lead.open_deals = int(lead.company.pop("open_deals", 0) or 0)
        elif name == "tags":
            lead.tags = list(value)
        elif name in ("stage", "in_sales", "cycle"):
            setattr(lead, name, value)
        elif name in ("created_at", "last_active_at"):
            setattr(lead, name, value if isinstance(value, datetime) else datetime.fromisoformat(str(value)))
        elif name == "score":
            for model, points in value.items():
                lead.ledger.add(model, "before", points, at)
        elif name not in ("band", "id"):
            lead.fields[name] = as_stored(value)
    for model, bands in scoring.bands.items():
        points = lead.ledger.points(model, at)
        reached = next((band for band, limit in bands.levels if points >= limit), bands.levels[-1][0])
        lead.ledger.set_band(model, given.get("band", {}).get(model, reached), at)
    return [f"{name} {_told(value)}" for name, value in given.items() if name != "id"]


def _made_up(
    lead: SimulatedLead,
    publication: Publication,
    plan: Plan,
    entry: Entry,
    at: datetime,
    record: MadeUpRecord | None,
) -> list[str]:
    """Give the lead fields, tags and a stage that let it in, and what else brings it points."""
    asked = [one for one in (plan.audience, _condition(publication, entry)) if one is not None]
    named = [name for one in asked for name in _segments(one) if name in publication.segments]
    required = [*(publication.segments[name].when for name in named), *asked]
    wishes = [*required, *_worth_points(publication)]
    stages = _stages(lead, entry)
    before = lead.stage
    around: dict[str, FactValue] = record.facts(lead.zone) if record is not None else {}
    if named:  # their conditions come first, so that it will be a member
        around["lead.segments"] = named
    best: Facts = {}
    for stage in stages:
        lead.stage = stage
        base = {**lead.facts(at), **around}
        found = likely_fields(publication, wishes, at, base)
        if all(is_true(one, {**base, **found}) for one in required):
            best = found
            break
    else:
        lead.stage = stages[0]
        best = likely_fields(publication, wishes, at, {**lead.facts(at), **around})
    for name, value in best.items():
        plain = name.removeprefix("lead.")
        if plain == "tags":
            lead.tags = list(value) if isinstance(value, list) else []
        else:
            spec = publication.workspace.lead_fields.get(plain)
            lead.fields[plain] = stored(value, spec, lead.zone)
    told = [f"{name.removeprefix('lead.')} {_told(value)}" for name, value in best.items()]
    return told if lead.stage == before else [*told, f"stage {lead.stage}"]


def _stages(lead: SimulatedLead, entry: Entry) -> list[str]:
    """Return the stages to try: where the entry leads to, else the usual first one and the others."""
    if isinstance(entry.match, StageMatch):
        return list(entry.match.stages)
    return list(lead.publication.lifecycle.stages)


def _condition(publication: Publication, entry: Entry) -> Expression | None:
    match = entry.match
    if isinstance(match, SegmentMatch | ScheduleMatch) and match.segment in publication.segments:
        return publication.segments[match.segment].when
    return None


def _segments(condition: Expression) -> Iterable[str]:
    return _NAMED.findall(condition.source)


def _worth_points(publication: Publication) -> list[Expression]:
    return [
        one.when
        for model in publication.scoring.models.values()
        for one in sorted(model.attributes, key=lambda one: -one.points)
    ]


def _send_calendar(publication: Publication) -> Calendar | None:
    window = publication.workspace.limits.send_window
    return publication.workspace.calendars.get(window.calendar) if window else None


def _told(value: object) -> str:
    if isinstance(value, list):
        return "/".join(map(str, value))
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {one}" for name, one in value.items())
    return str(value)
