"""The record that a simulated journey runs for: made up, with dates ahead, and changed by nobody."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from leadloop.conditions import FactValue
from leadloop.journey.calendar import at_time
from leadloop.journey.fact_values import date_facts, put_fact, put_stored
from leadloop.journey.records_of import runs_for_record
from leadloop.journey.simulation.fields import example
from leadloop.language.plan import AwaitStep, Plan, Publication, RecordKind, WaitSpec, WaitStep

_AHEAD = timedelta(days=14)
_DAYS = {"days": 1.0, "weeks": 7.0, "months": 31.0, "business_days": 1.5}
_AFTERNOON = "14:00"


@dataclass(frozen=True)
class MadeUpRecord:
    """A record of the plan's kind, by its declared fields."""

    kind: str
    key: str
    fields: dict[str, Any]
    declared: RecordKind

    def facts(self, zone: ZoneInfo) -> dict[str, FactValue]:
        """Return `run.<kind>.*`."""
        values: dict[str, FactValue] = {}
        put_fact(values, f"run.{self.kind}.key", self.key, zone)
        for name, spec in self.declared.fields.items():
            put_stored(values, f"run.{self.kind}.{name}", self.fields.get(name), spec.type, zone)
        return values

    def instants(self, zone: ZoneInfo) -> list[datetime]:
        """Return its moments that have a time of day: when a seminar begins."""
        timed = [name for name, spec in self.declared.fields.items() if spec.type == "datetime"]
        facts = self.facts(zone)
        found = [facts.get(f"run.{self.kind}.{name}") for name in timed]
        return [one for one in found if isinstance(one, datetime)]

    def dates(self) -> dict[str, str]:
        """Return its days as text, for waits."""
        return date_facts(f"run.{self.kind}.", self.fields, self.declared.fields)


def made_up_record(publication: Publication, plan: Plan, start: datetime) -> MadeUpRecord | None:
    """Return a record for a plan that runs for one: its dates lie behind every wait before them."""
    kind = publication.workspace.records.get(plan.per)
    if kind is None or not runs_for_record(plan):
        return None
    zone = ZoneInfo(publication.workspace.timezone)
    fields = {
        name: example(spec, _ahead(plan, f"run.{plan.per}.{name}", start, zone), zone)
        for name, spec in kind.fields.items()
    }
    return MadeUpRecord(plan.per, f"{plan.per}-1", fields, kind)


def _ahead(plan: Plan, fact: str, start: datetime, zone: ZoneInfo) -> datetime:
    """Return an instant two weeks ahead of the earliest wait that counts back from a date."""
    longest = max((_days_before(wait, fact) for wait in _waits(plan)), default=0.0)
    return at_time(start + _AHEAD + timedelta(days=longest), _AFTERNOON, zone)


def _waits(plan: Plan) -> list[WaitSpec]:
    found = [step.wait for step in plan.steps.values() if isinstance(step, WaitStep)]
    awaits = [step.timeout for step in plan.steps.values() if isinstance(step, AwaitStep)]
    return [*found, *(one for one in awaits if one is not None)]


def _days_before(wait: WaitSpec, fact: str) -> float:
    until = wait.until
    if until is None or until.fact != fact or until.offset is None or until.offset.amount >= 0:
        return 0.0
    return -until.offset.amount * _DAYS.get(until.offset.unit, 0.0)
