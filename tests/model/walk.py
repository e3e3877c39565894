"""The model's way through a scenario: from what happened to the next thing to wait for.

Each step is a function of its own, in `steps`, written from `docs/journeys.md`. What a step changes is
there before the next one is looked at, and where that ends the journey nothing else follows.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from leadloop.conditions import FactValue, evaluate
from leadloop.journey.calendar import Resolved, add_span, resolve_wait
from leadloop.journey.fact_values import wait_text
from leadloop.journey.state import effect_key
from leadloop.language import plan as p
from tests.model.journey import Journey
from tests.model.position import Arm, Cause, Position
from tests.model.story import Story

MOST_STEPS = 100
"""Steps of one turn. More is a loop without a wait: a person must look at it."""


class HeldError(Exception):
    """The journey cannot go on until a person looks at it."""


class Walk:
    """One turn of one journey."""

    def __init__(self, story: Story, journey: Journey, trace: list[dict[str, Any]]) -> None:
        self.story = story
        self.journey = journey
        self.trace = trace
        self.now = story.now
        self.walked = 0

    @property
    def at(self) -> Position:
        return self.journey.at

    @property
    def plan(self) -> p.Plan:
        return self.journey.plan

    @property
    def seq(self) -> int:
        """How much has happened to the lead."""
        return len(self.story.lead.past)

    def key(self, part: str = "") -> str:
        """Return the key of a mail: its journey, step and visit."""
        return effect_key(self.journey.id, self.at.named, self.at.visit, part)

    def say(self, did: str, **detail: Any) -> None:
        self.trace.append({"step": self.at.step, "did": did, **detail})

    # --- conditions

    @property
    def values(self) -> dict[str, FactValue]:
        return self.journey.values(self.story.now)

    def holds(self, condition: p.Expression, label: str | None = None) -> bool:
        """Unknown is not true. With a label it is told."""
        truth = evaluate(condition, self.values).truth
        if label is not None:
            self.say(label, result=truth)
        return truth is True

    # --- time

    def after(self, span: p.Span, calendar: p.Calendar | None = None) -> datetime:
        lead = self.story.lead
        return add_span(self.now, span, lead.zone, calendar or lead.send_calendar)

    def resolve(self, wait: p.WaitSpec) -> Resolved | None:
        """Return when a wait ends, and whether that is past; None where its date is not known."""
        lead, dates, values = self.story.lead, self.journey.dates(), self.values
        return resolve_wait(
            wait,
            start=self.now,
            zone=lead.zone,
            calendar=lead.send_calendar,
            fact=lambda name: dates.get(name) or values.get(name),
        )

    def follow(self, fact: str | None) -> list[Arm]:
        """Return what tells that the date which a wait counts from is another: only some can change."""
        movable = ("lead.", f"run.{self.plan.per}.")
        if fact is None or not fact.startswith(movable):
            return []
        seen = self.journey.dates().get(fact) or self.values.get(fact)
        return [Arm(p.ChangeMatch(fact=fact, seen=wait_text(seen)), 0)]

    # --- waiting

    def wait(self, until: datetime | None, *arms: Arm) -> None:
        """Stay here until an instant, or until one of the arms is satisfied; some may be already."""
        self.journey.stay(until, arms, self.story.now)

    def arm(self, match: p.Matcher, since: int | None = None) -> Arm:
        """Look back to the arrival; for a mail's clicks to the moment when it was first asked for."""
        at, of = self.at, match.of if isinstance(match, p.EventMatch) else ()
        keys = tuple(key for step in of for key in at.sends.get(step, ()))
        asked = [at.asked[step] for step in of if step in at.asked]
        if since is None:
            since = min(asked, default=at.arrived_seq)
        return Arm(match, since, keys)

    def arm_branch(self, branch: p.Branch) -> Arm:
        if branch.since is None:
            return self.arm(branch.match)
        since = 0 if branch.since == "entry" else self.at.arrivals.get(branch.since, self.at.arrived_seq)
        return self.arm(branch.match, since)


def go_on(walk: Walk, cause: Cause, enter: Any, resume: Any) -> None:
    """Walk until the journey needs a mail, a call or time, or is over."""
    journey, at = walk.journey, walk.at
    at.idle.clear()
    target, at.going_to = at.going_to, None
    try:
        if target is None:
            target = resume(walk, cause)
        while not _is_over(walk):
            if target is None:
                taken = journey.taken if journey.head[0] == "wait" else None
                if taken is None:
                    return
                journey.rouse()
                target = resume(walk, taken)
            elif target.step is None:
                _end(walk, target)
                return
            elif journey.move_to == "finish":
                target = p.Target(exit="edited")
            else:
                target = _arrive(walk, target, enter)
    except HeldError as error:
        walk.say("held", reason=str(error))
        journey.hold(str(error))


def _arrive(walk: Walk, target: p.Target, enter: Any) -> p.Target | None:
    walk.walked += 1
    if walk.walked > MOST_STEPS:
        walk.at.going_to = target
        raise HeldError(f"more than {MOST_STEPS} steps in one turn: a loop without a wait")
    walk.at.arrive(target.step or "", walk.now, walk.seq)
    walk.journey.shielded = False
    found: p.Target | None = enter(walk)
    return found


def _is_over(walk: Walk) -> bool:
    """What the journey did may have met its own goal."""
    if walk.journey.is_open:
        return False
    walk.journey.head = ("end", None)
    walk.trace.append({"did": "ended", "outcome": walk.journey.outcome})
    return True


def _end(walk: Walk, target: p.Target) -> None:
    outcome = target.exit or "completed"
    walk.journey.shielded = walk.plan.steps[walk.at.step].kind == "hand_off"
    if target.notify is not None:  # it ends once somebody was told
        walk.journey.head = ("send", walk.story.tell(walk.journey, walk.key("exit"), "notice:exit"))
        walk.at.going_to = p.Target(exit=outcome)
        return
    walk.say("ended", outcome=outcome)
    journey = walk.journey
    journey.status, journey.outcome, journey.ended_at = "ended", outcome, walk.story.now
    journey.head, journey.move_to = ("end", None), None
