"""The model's journey: where it stands, what it waits for, and what ends it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from leadloop.conditions import FactValue
from leadloop.journey.fact_values import date_facts, result_dates, result_facts, run_facts, wait_text
from leadloop.language import plan as p
from tests.model.lead import Fact, Lead, Past, fits, holds
from tests.model.position import Arm, Cause, Position, position_at
from tests.model.records import concerns, record_facts, record_of


@dataclass
class Message:
    """A mail to the lead, or a notice to somebody of the house."""

    key: str
    journey: Journey
    kind: Literal["mail", "notice"]
    step: str
    visit: int
    template: str
    topic: str | None
    status: str = "new"
    reason: str | None = None
    hold_until: datetime | None = None
    at: datetime | None = None
    """When it went to the mail server."""


@dataclass
class Journey:
    """One run through one scenario."""

    id: str
    plan: p.Plan
    lead: Lead
    cause: Fact
    entered_at: datetime
    entered_seq: int
    """How much had happened to the lead when it began: what came before never counts."""
    at: Position
    record: str = ""
    """Key of the record that it runs for."""
    cycle: int = 0
    """How many times the lead had been taken back when it began."""
    status: str = "running"
    outcome: str | None = None
    held: str | None = None
    """Why it is held."""
    ended_at: datetime | None = None
    turn_no: int = 0
    head: tuple[str, str | None] = ("none", None)
    """What the last turn asked for: `send` or `call` with a key, `wait`, `end`."""
    wait_until: datetime | None = None
    """When its wait was to end when it began."""
    shift: timedelta = timedelta()
    """So much later it ends, after it stood still."""
    moved_at: datetime | None = None
    """When it took its last turn."""
    stops: dict[str, str] = field(default_factory=dict)
    """What stops its clock (`journey`, `scenario`, `sales`) -> `run`, `freeze`, `restart`."""
    frozen_at: datetime | None = None
    """Since when its wait stands still."""
    move_to: p.Plan | Literal["finish"] | None = None
    """The version it goes over to in its next turn; or it ends after its present step."""
    lost: bool = False
    """That version lacks the step it is on."""
    retry: bool = False
    """Somebody asked it, while it was held, to try again."""
    shielded: bool = False
    """It is in its own hand-off, so that goal and exits wait."""
    arms: tuple[Arm, ...] = ()
    taken: Cause | None = None
    traces: list[list[dict[str, Any]]] = field(default_factory=list)

    @classmethod
    def begin(
        cls, name: str, plan: p.Plan, lead: Lead, cause: Fact, start: str | None, now: datetime
    ) -> Journey:
        record = record_of(plan, cause, lead.publication.workspace) or ""
        at = position_at(plan, start)
        return cls(name, plan, lead, cause, now, len(lead.past), at, record, lead.cycle)

    @property
    def is_open(self) -> bool:
        return self.status != "ended"

    def values(self, now: datetime) -> dict[str, FactValue]:
        """Every fact that a condition of the journey may read."""
        lead = self.lead
        values = lead.facts(now)
        declared = lead.publication.workspace.events.get(self.cause.type, {})
        values.update(run_facts(self.cause.properties, declared, self.entered_at, self.cycle, lead.zone))
        values.update(record_facts(self.plan, self.record, lead.records, lead.zone))
        values.update(result_facts(self.at.results, lead.zone))
        return Past(lead, now, self.entered_seq, self.at.arrivals, self.at.sends).among(values)

    def dates(self) -> dict[str, str]:
        workspace = self.lead.publication.workspace
        return {
            **date_facts("lead.", self.lead.fields, workspace.lead_fields),
            **date_facts("run.entry.", self.cause.properties, workspace.events.get(self.cause.type, {})),
            **result_dates(self.at.results),
        }

    @property
    def due_at(self) -> datetime | None:
        """When its wait ends; None for never, and while it stands still."""
        if self.wait_until is None or self.frozen_at is not None:
            return None
        return self.wait_until + self.shift

    # --- waits

    @property
    def waits_for_time(self) -> bool:
        """Whether it stands in a wait whose clock can be stopped: one of a length, not one until a date."""
        step = self.plan.steps[self.at.step]
        resting = step.kind == "stream" and self.at.phase == "resting"
        spec = step.wait if step.kind == "wait" else step.timeout if step.kind == "await" else None
        of_a_length = step.kind in ("wait", "await") and (spec is None or spec.until is None)
        return self.head[0] == "wait" and (of_a_length or resting)

    @property
    def is_held_in_a_wait(self) -> bool:
        """Whether it is held, and could wait on: no step of its own holds it."""
        return self.status == "held" and (self.wait_until is not None or bool(self.arms))

    @property
    def wait_began_at(self) -> datetime | None:
        stream = self.plan.steps[self.at.step].kind == "stream"
        return self.moved_at if stream else self.at.arrived_at

    def stay(self, until: datetime | None, arms: tuple[Arm, ...], now: datetime) -> None:
        """Wait, and look back: the first listed branch wins."""
        self.head, self.wait_until = ("wait", None), until
        self.arms, self.taken = arms, None
        values = self.values(now)
        for index, arm in enumerate(arms):
            for fact in self.lead.past:
                if self.taken is None and self._is_branch(arm, fact, values):
                    self.taken = Cause("branch", index, fact, fact.seq)

    def rouse(self) -> None:
        """Wait for nothing any more."""
        self.head, self.wait_until, self.arms, self.taken = ("none", None), None, (), None

    def hold(self, reason: str) -> None:
        """Stand still until a person has looked at it."""
        self.rouse()
        self.head, self.status, self.held = ("wait", None), "held", reason

    def notice(self, facts: Iterable[Fact], now: datetime) -> None:
        """Take the first branch that what happened, or the lead as it is now, satisfies."""
        if self.taken is not None or not self.arms:
            return
        values, seq = self.values(now), len(self.lead.past)
        for index, arm in enumerate(self.arms):
            fact = None
            if isinstance(arm.match, p.ChangeMatch):
                name = arm.match.fact
                found = wait_text(self.dates().get(name) or values.get(name)) != arm.match.seen
            elif isinstance(arm.match, p.WhenMatch):
                found = holds(arm.match.when, values)
            else:
                fact = next((one for one in facts if self._is_branch(arm, one, values)), None)
                found = fact is not None
            if found:
                self.taken = Cause("branch", index, fact, fact.seq if fact else seq)
                return

    def _is_branch(self, arm: Arm, fact: Fact, values: dict[str, FactValue]) -> bool:
        if fact.seq <= max(arm.since, self.entered_seq) or not self._concerns(fact):
            return False
        match = arm.match
        if isinstance(match, p.StageMatch):
            return fact.type == "stage_changed" and fact.properties["to"] in match.stages
        if not isinstance(match, p.EventMatch):
            return False
        return (not match.of or fact.send_key in arm.mails) and fits(match, fact, values)

    def _concerns(self, fact: Fact) -> bool:
        return concerns(self.plan, self.record, fact, self.lead.publication.workspace)

    # --- exits

    def why_over(self, facts: Iterable[Fact], now: datetime) -> tuple[str, str] | None:
        """Return the outcome and what ends it: a refusal, the goal, an exit condition."""
        facts = list(facts)
        for fact in facts:
            topic = fact.properties.get("topic") or "*"
            if fact.type == "unsubscribed" and topic in (self.plan.topic, "*"):
                return "unsubscribed", f"refused {topic}"
        if self.lead.erased:
            return "erased", "erased"
        if self.shielded:
            return None
        values = self.values(now)
        for outcome, matchers in (("goal", self.plan.goal), ("exited", self.plan.exit_when)):
            for match in matchers:
                if isinstance(match, p.WhenMatch):
                    if holds(match.when, values):
                        return outcome, match.when.source
                elif any(self._ends(match, fact, values) for fact in facts if fact.seq != self.cause.seq):
                    return outcome, ""
        return None

    def _ends(self, match: p.EventMatch | p.StageMatch, fact: Fact, values: dict[str, FactValue]) -> bool:
        if isinstance(match, p.StageMatch):
            return fact.type == "stage_changed" and fact.properties["to"] in match.stages
        keys = {key for step in match.of for key in self.at.sends.get(step, ())}
        if not self._concerns(fact):
            return False
        return (not match.of or fact.send_key in keys) and fits(match, fact, values)
