"""Plays one plan with `decide` alone, as `take_turn` does."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from leadloop.conditions import FactValue
from leadloop.journey import effects as fx
from leadloop.journey import state as s
from leadloop.journey.decide import decide
from leadloop.language import plan as p
from tests.factories import make_workspace

NOW = datetime(2026, 11, 16, 1, 0, tzinfo=UTC)
"""A Monday, 10:00 in Tokyo."""
WORKSPACE = make_workspace()
BIG = p.Expression(source="lead.employees >= 100", variables={"lead.employees": "int"})


def to(step: str) -> p.Target:
    return p.Target(step=step)


def out(outcome: str) -> p.Target:
    return p.Target(exit=outcome)


def sent(status: str = "sent", **values: Any) -> s.MessageFinished:
    return s.MessageFinished(status, **values)


class Player:
    """Carries a journey's state from decision to decision."""

    def __init__(
        self,
        *steps: Any,
        values: Mapping[str, FactValue] | None = None,
        plan: Mapping[str, Any] | None = None,
        **facts: Any,
    ) -> None:
        fields: dict[str, Any] = {"scenario": "x", "topic": "nurture", "entry": ()}
        self.plan = p.Plan(
            **(fields | {"first": steps[0].id, "steps": {step.id: step for step in steps}} | dict(plan or {}))
        )
        self.values = dict(values or {})
        self.more = facts
        self.now = NOW
        self.seq = 10
        self.state = s.first_state(self.plan, None)
        self.effects: list[fx.Effect] = []
        self.trace: list[dict[str, Any]] = []

    def give(self, cause: s.Cause | None = None, last_step: bool = False) -> s.Decision:
        """Decide; go on by itself after `again`."""
        cause, walked = cause or s.Started(), 0
        self.effects, self.trace = [], []
        while True:
            decision = decide(self.plan, self.state, self.facts(), cause, self.now, walked, last_step)
            self.state, walked = decision.state, decision.steps_walked
            self.effects.extend(decision.effects)
            self.trace.extend(decision.trace)
            if decision.stop.kind != "again":
                return decision
            cause = s.Continued()

    def facts(self) -> s.JourneyFacts:
        known: dict[str, Any] = {
            "enrolment_id": "e1",
            "values": self.values,
            "lead_seq": self.seq,
            "zone": ZoneInfo("Asia/Tokyo"),
            "calendars": WORKSPACE.calendars,
            "send_calendar": WORKSPACE.calendars["office"],
            "queues": WORKSPACE.queues,
            "streams": {},
            "subject_key": "l1",
        }
        return s.JourneyFacts(**(known | self.more))

    def key(self, step: str, part: str = "", visit: int = 1) -> str:
        return s.effect_key("e1", step, visit, part)
