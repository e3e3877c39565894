"""Which other scenarios would take the lead by what happens in a simulation. They are not played."""

from __future__ import annotations

from collections.abc import Iterator

from leadloop.conditions import Facts
from leadloop.journey.fact_values import run_facts
from leadloop.journey.matching import is_true, matches
from leadloop.journey.simulation.events import SimulatedEvent
from leadloop.journey.simulation.lead import SimulatedLead
from leadloop.journey.simulation.matcher_words import describe_condition
from leadloop.language.plan import (
    Entry,
    EventMatch,
    ManualMatch,
    Plan,
    Publication,
    SegmentMatch,
    StageMatch,
)

_ENROL = "enrol_requested"


class Elsewhere:
    """Names each other scenario once."""

    def __init__(self, publication: Publication, own: Plan) -> None:
        self._publication = publication
        self._own = own
        self._told: set[str] = set()

    def notes(self, event: SimulatedEvent, lead: SimulatedLead, own_ended: bool) -> Iterator[str]:
        """Yield a line for each scenario that the event is an entry of."""
        facts = lead.facts(event.occurred_at)
        for name, plan in self._publication.plans.items():
            if plan is self._own or name in self._told:
                continue
            entry = next((one for one in plan.entry if _is_entry(name, one, event, facts)), None)
            if entry is None or entry.people is not None:
                continue
            line = self._line(plan, event, lead, facts, own_ended)
            if line is not None:
                self._told.add(name)
                yield line

    def _line(
        self, plan: Plan, event: SimulatedEvent, lead: SimulatedLead, facts: Facts, own_ended: bool
    ) -> str | None:
        declared = self._publication.workspace.events.get(event.type, {})
        run = run_facts(event.properties, declared, event.occurred_at, lead.cycle, lead.zone)
        if plan.audience is not None and not is_true(plan.audience, {**facts, **run}):
            if event.type != _ENROL:
                return None
            return f"{plan.scenario} does not take the lead: {describe_condition(plan.audience)}"
        if own_ended:
            return f"{plan.scenario} takes the lead from here"
        if plan.group is not None and plan.group == self._own.group:
            return f"{plan.scenario} does not take the lead while this one is open: group {plan.group}"
        return f"{plan.scenario} takes the lead too"


def _is_entry(scenario: str, entry: Entry, event: SimulatedEvent, facts: Facts) -> bool:
    match = entry.match
    if isinstance(match, ManualMatch):
        return event.type == _ENROL and event.properties.get("scenario") == scenario
    if isinstance(match, SegmentMatch):
        return event.type == "segment_entered" and event.properties.get("segment") == match.segment
    return isinstance(match, EventMatch | StageMatch) and matches(match, event, facts)
