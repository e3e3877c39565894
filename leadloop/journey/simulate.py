"""Plays one scenario for one made-up lead with `decide` alone: what `leadloop try` shows.

The engine's part is done in memory: effects, scores, armed waits, exits, the send window and the
caps. Time jumps from one thing to the next, so that weeks take milliseconds. Pure.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Any, Literal
from zoneinfo import ZoneInfo

from leadloop.conditions import FactValue
from leadloop.journey import effects
from leadloop.journey.decide import decide
from leadloop.journey.matching import is_true, matches
from leadloop.journey.simulated_habits import Habits, entry_event
from leadloop.journey.simulated_lead import Applied, SimulatedEvent, SimulatedLead, likely_fields
from leadloop.journey.simulated_mails import SentMail, hold_for, subject_of
from leadloop.journey.simulated_words import describe_match, describe_trace
from leadloop.journey.state import (
    Arm,
    BranchTaken,
    CallFinished,
    Cause,
    Continued,
    JourneyFacts,
    MessageFinished,
    Started,
    TimedOut,
    first_state,
)
from leadloop.language.plan import ChangeMatch, EventMatch, Plan, Publication, StageMatch, WhenMatch

Behaviour = Literal["ignores", "clicks", "turns hot"]
BEHAVIOURS: tuple[Behaviour, ...] = ("ignores", "clicks", "turns hot")

HORIZON = timedelta(days=500)
_MOST_LINES = 400
_ENROLMENT = "try"


@dataclass(frozen=True)
class Line:
    """One line of a timeline: when, what kind (`enter mail wait branch event stage sales end note`),
    where in the scenario, what, and the points it brought as (model, points, rule)."""

    at: datetime
    kind: str
    text: str
    step: str | None = None
    points: tuple[tuple[str, int, str], ...] = ()


@dataclass
class Timeline:
    """What becomes of the lead. `outcome` is None where the journey still goes on at the horizon."""

    behaviour: Behaviour
    lines: list[Line] = field(default_factory=list)
    outcome: str | None = None
    mails: int = 0
    scores: dict[str, int] = field(default_factory=dict)
    bands: dict[str, str] = field(default_factory=dict)
    stage: str = ""


def simulate(publication: Publication, scenario: str, behaviour: Behaviour, start: datetime) -> Timeline:
    """Return the timeline of a published scenario. Raises `KeyError` for an unknown one."""
    return _Run(publication, publication.plans[scenario], behaviour, start).run()


class _Run:
    def __init__(self, publication: Publication, plan: Plan, behaviour: Behaviour, start: datetime) -> None:
        self.publication, self.plan, self.now, self.start = publication, plan, start, start
        wishes = [plan.audience] if plan.audience else []
        for model in publication.scoring.models.values():
            wishes += [one.when for one in sorted(model.attributes, key=lambda one: -one.points)]
        self.lead = SimulatedLead(publication, start, likely_fields(publication, wishes, start))
        self.zone: ZoneInfo = self.lead.zone
        self.timeline = Timeline(behaviour)
        self.habits = Habits(publication, plan, behaviour, self.zone)
        self.state = first_state(plan, plan.entry[0].start)
        self.entered_seq = 0
        self.entry: Mapping[str, Any] = {}
        self.shielded = self.ended = False
        self.arms: tuple[Arm, ...] = ()
        self.due_at: datetime | None = None
        self._agenda: list[tuple[datetime, int, Callable[[], None]]] = []
        self._numbers = count(1)
        self._asked: dict[str, effects.AskMessage] = {}
        self._notices: dict[str, str] = {}
        self._references: dict[str, str] = {}
        self._sent: list[SentMail] = []

    def run(self) -> Timeline:
        if self._enter():
            self._turn(Started())
            self._plan_visits()
        while not self.ended:
            if len(self.timeline.lines) > _MOST_LINES or not self._go_on():
                self.say("note", "the journey goes on from here")
                break
        timeline, lead = self.timeline, self.lead
        timeline.scores = {name: lead.points(name, self.now) for name in self.publication.scoring.models}
        timeline.bands, timeline.stage = dict(lead.bands), lead.stage
        return timeline

    def say(self, kind: str, text: str, step: str | None = None, applied: Applied | None = None) -> None:
        """Add a line."""
        points = tuple((one.model, one.points, one.rule) for one in applied.entries) if applied else ()
        self.timeline.lines.append(Line(self.now, kind, text, step, points))

    # --- the world

    def _enter(self) -> bool:
        lead, plan = self.lead, self.plan
        applied = lead.settle(self.now)
        known = ", ".join(f"{name.removeprefix('lead.')} {value}" for name, value in lead.fields.items())
        self.say("note", f"a lead made up for this: {known or 'nothing known'}", applied=applied)
        event_type, properties, text = entry_event(self.publication, plan, lead)
        done = lead.apply(event_type, self.now, properties, "verified")
        self.entered_seq = done.events[0].seq
        self.entry = properties
        self.say("event", text, applied=done)
        self._say_moves(Applied(done.events[1:], done.entries))
        facts = {**self._values(), **{f"run.entry.{name}": value for name, value in properties.items()}}
        if plan.audience is not None and not is_true(plan.audience, facts):
            return self._refuse(f"not in the audience: {plan.audience.source}")
        met = next((one for one in (*plan.goal, *plan.exit_when) if self._met(one)), None)
        if met is not None:
            return self._refuse(f"does not enter: {describe_match(met)} is met already")
        self.say("enter", f"enters {plan.scenario}")
        return True

    def _refuse(self, why: str) -> bool:
        self.say("end", why)
        self.ended = True
        return False

    def _met(self, match: object) -> bool:
        if isinstance(match, StageMatch):
            return self.lead.stage in match.stages
        return isinstance(match, WhenMatch) and is_true(match.when, self._values())

    def _plan_visits(self) -> None:
        for at, visit in self.habits.visits(self.start):
            self._later(at, lambda visit=visit: self._visit(visit))  # type: ignore[misc]

    def _visit(self, visit: tuple[tuple[str, Mapping[str, Any], str], ...]) -> None:
        if self.shielded or self.lead.in_sales:
            return
        for event_type, properties, text in visit:
            if not self.ended:
                self.happen(event_type, properties, text)

    def _later(self, at: datetime, act: Callable[[], None]) -> None:
        heapq.heappush(self._agenda, (at, next(self._numbers), act))

    def _go_on(self) -> bool:
        """Jump to the next thing and do it; False where nothing comes before the horizon."""
        decay_at = self.lead.next_decay(self.now)
        at = min((one for one in (self.due_at, decay_at) if one is not None), default=None)
        if self._agenda and (at is None or self._agenda[0][0] <= at):
            at, _, act = heapq.heappop(self._agenda)
        elif at is not None and at == self.due_at:
            act = self._time_out
        elif at is not None:
            act = self._decay
        if at is None or at > self.start + HORIZON:
            return False
        self.now = max(self.now, at)
        act()
        return True

    def _time_out(self) -> None:
        self._turn(TimedOut())

    def _decay(self) -> None:
        applied = self.lead.settle_bands(self.now)
        self._say_moves(applied)
        self._react(applied.events)

    def happen(
        self,
        event_type: str,
        properties: Mapping[str, Any],
        text: str,
        *,
        kind: str = "event",
        trust: str = "likely",
        send_key: str | None = None,
        quiet: bool = False,
    ) -> None:
        """Let something happen, and the journey react to it. `quiet` tells it only for its points."""
        if self.ended and kind == "event":
            return
        applied = self.lead.apply(event_type, self.now, properties, trust, send_key)
        if applied.entries or not quiet:
            self.say(kind, text, applied=applied)
        self._say_moves(applied)
        self._react(applied.events)

    def _say_moves(self, applied: Applied) -> None:
        for event in applied.events:
            if event.type == "band_changed":
                change = event.properties
                self.say("stage", f"{change['model']} {change['from']} → {change['to']}")
            elif event.type == "stage_changed":
                self.say("stage", f"stage {event.properties['from']} → {event.properties['to']}")

    def _react(self, events: list[SimulatedEvent]) -> None:
        """End the journey, or take the branch that one of the events satisfies."""
        if self.ended or not self.timeline.lines or self.entered_seq == 0:
            return
        if self._exit_by(events):
            return
        taken = self._satisfied(events, since_arming=True)
        if taken is not None:
            self._turn(taken)

    def _exit_by(self, events: list[SimulatedEvent]) -> bool:
        """End the journey where an event, or the lead as it is now, meets its goal or exit."""
        if self.ended:
            return False
        return any(self._exit_for(event) for event in events) or self._exit_for(None)

    def _exit_for(self, event: SimulatedEvent | None) -> bool:
        if self.shielded:
            return False
        for outcome, matchers in (("goal", self.plan.goal), ("exited", self.plan.exit_when)):
            for match in matchers:
                if isinstance(match, WhenMatch):
                    met = is_true(match.when, self._values())
                else:
                    met = event is not None and matches(match, event, self._values())
                if met:
                    self._end(outcome, describe_match(match))
                    return True
        return False

    # --- turns

    def _turn(self, cause: Cause) -> None:
        walked = 0
        while not self.ended:
            decision = decide(self.plan, self.state, self._facts(), cause, self.now, walked)
            walked, self.state, self.shielded = decision.steps_walked, decision.state, decision.shielded
            self.arms, self.due_at = (), None
            for trace in decision.trace:
                told = describe_trace(self.plan, trace, self.zone)
                if told is not None:
                    self.say(told[0], told[1], str(trace.get("step", "")))
            for effect in decision.effects:
                self._apply(effect)
            if self.ended:
                return
            stop = decision.stop
            if stop.kind == "again":
                cause = Continued()
            elif stop.kind == "send":
                cause = self._hand_over(stop.send_key or "")
            elif stop.kind == "call":
                cause = CallFinished("done", 200)  # what the step says of it tells the rest
            elif stop.kind == "wait":
                self.arms, self.due_at = stop.arms, stop.due_at
                taken = self._satisfied(self.lead.events, since_arming=False)
                if taken is None:
                    return
                cause = taken
            elif stop.kind == "end":
                self._end(stop.outcome or "completed", "")
            else:
                self._end("held", stop.reason or "")

    def _end(self, outcome: str, reason: str) -> None:
        self.ended, self.timeline.outcome = True, outcome
        self.arms, self.due_at = (), None
        self.say("end", f"ends: {outcome}" + (f" ({reason})" if reason else ""))
        for name, other in self.publication.plans.items():
            if name != self.plan.scenario and any(
                isinstance(entry.match, StageMatch) and self.lead.stage in entry.match.stages
                for entry in other.entry
            ):
                self.say("note", f"{name} takes the lead from here")

    def _satisfied(self, events: list[SimulatedEvent], since_arming: bool) -> BranchTaken | None:
        """Return the first branch that an event satisfies, in the order of the branches.

        A condition is looked at when the lead changes; on arrival the step itself looked at it.
        """
        for index, arm in enumerate(self.arms):
            if isinstance(arm.match, WhenMatch):
                if since_arming and is_true(arm.match.when, self._values()):
                    return BranchTaken(index, self.lead.seq)
                continue
            if isinstance(arm.match, ChangeMatch):  # nobody changes a date in the play
                continue
            for event in events:
                if event.seq <= max(arm.since_seq, self.entered_seq):
                    continue
                of_mail = not isinstance(arm.match, EventMatch) or not arm.match.of
                if (of_mail or event.send_key in arm.send_keys) and matches(arm.match, event, self._values()):
                    return BranchTaken(index, event.seq, event.type, str(event.seq), event.properties)
        return None

    def _values(self) -> dict[str, FactValue]:
        return self.lead.facts(self.now)

    def _facts(self) -> JourneyFacts:
        publication, workspace = self.publication, self.publication.workspace
        values = self._values() | {"run.entered_at": self.start, "run.cycle": self.lead.cycle}
        values.update({f"run.entry.{name}": value for name, value in self.entry.items()})
        window = workspace.limits.send_window
        return JourneyFacts(
            enrolment_id=_ENROLMENT,
            values=values,
            lead_seq=self.lead.seq,
            zone=self.zone,
            calendars=workspace.calendars,
            send_calendar=workspace.calendars.get(window.calendar) if window else None,
            queues=workspace.queues,
            streams=publication.streams,
            had_templates=frozenset(one.template for one in self._sent),
            references=self._references,
        )

    # --- mails

    def _hand_over(self, key: str) -> MessageFinished:
        notice = self._notices.get(key)
        if notice is not None:
            self.say("sales", notice, self.state.step)
            return MessageFinished("sent")
        asked = self._asked[key]
        hold = hold_for(
            self.publication.workspace, asked.topic, self._sent, self.lead.in_sales, self.zone, self.now
        )
        if hold is not None:
            return MessageFinished("held", hold[1], hold[0])
        self._sent.append(SentMail(asked.template, asked.topic, self.now))
        self.timeline.mails += 1
        self.say("mail", f"mail {asked.template}" + subject_of(self.publication, asked), asked.step_id)
        self.lead.apply("email_sent", self.now, {}, "verified", key)
        for at, event_type, text in self.habits.reading(asked.template, self.now):
            self._later(at, self._reading(event_type, text, key))
        return MessageFinished("sent")

    def _reading(self, event_type: str, text: str, key: str) -> Callable[[], None]:
        return lambda: self.happen(event_type, {}, text, send_key=key, quiet=event_type == "email_opened")

    # --- effects

    def _apply(self, effect: effects.Effect) -> None:
        lead = self.lead
        match effect:
            case effects.AskMessage():
                self._asked[effect.send_key] = effect
            case effects.AddScore():
                applied = lead.add_points(effect.model, f"step:{effect.step_id}", effect.points, self.now)
                self._follow(applied)
            case effects.MoveStage():
                self._follow(lead.move_stage(effect.stage, self.now))
            case effects.MakeOffer():
                self._offer(effect)
            case effects.EscalateOffer():
                self._notices[effect.notice_key] = f"nobody accepted in time: notice to {effect.to}"
            case effects.AskStillWorking():
                self._notices[effect.notice_key] = "sales is asked whether it still works on the lead"
            case effects.ExpireOffer():
                lead.in_sales = False
            case effects.BeginCycle():
                lead.cycle += 1
                self._follow(lead.reset(effect.resets, self.now))
                lead.recycle_until = effect.until
            case effects.EndCooldown():
                lead.recycle_until = None
                self._follow(lead.settle_bands(self.now))
            case effects.MakeTask():
                self._task(effect)
            case effects.Notify():
                self._notices[effect.notice_key] = f"notice to {effect.to}: {effect.template}"
            case effects.TellOverdue():
                self._notices[effect.notice_key] = f"task overdue: notice to {effect.to}"
            case effects.TellExit():
                self._notices[effect.notice_key] = f"notice to {effect.to}: {effect.outcome}"
            case _:
                pass

    def _follow(self, applied: Applied) -> None:
        """Tell what an effect changed, and end the journey where its goal is met by it."""
        self._say_moves(applied)
        self._exit_by(applied.events)

    def _offer(self, effect: effects.MakeOffer) -> None:
        offer = f"offer-{len(self._references) + 1}"
        self._references[effect.offer_key] = offer
        self._notices[effect.notice_key] = f"notice to {effect.queue}: a hot lead, with the reasons"
        self.lead.in_sales = True
        self._follow(self.lead.apply("handed_off", self.now, {"offer": offer, "queue": effect.queue}))
        for at, event_type, properties, text in self.habits.sales(effect, offer, self.now):
            self._later(at, self._by_sales(event_type, properties, text))

    def _task(self, effect: effects.MakeTask) -> None:
        task = f"task-{len(self._references) + 1}"
        self._references[effect.task_key] = task
        self._notices[effect.notice_key] = f"task for {effect.to}: {effect.title or effect.type}"
        at, outcome = self.habits.task(effect, self.now)
        done = {"task": task, "outcome": outcome}
        self._later(at, self._by_sales("task_done", done, f"task done: {outcome}"))

    def _by_sales(self, event_type: str, properties: Mapping[str, Any], text: str) -> Callable[[], None]:
        return lambda: self.happen(event_type, properties, text, kind="sales", trust="verified")
