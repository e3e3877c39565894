"""One journey of a simulation: its position, what it waits for, and what ends it, as in the engine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from leadloop.conditions import FactValue
from leadloop.journey.decide import decide
from leadloop.journey.fact_values import (
    date_facts,
    result_dates,
    result_facts,
    run_facts,
    wait_text,
)
from leadloop.journey.lengths import waits_a_length
from leadloop.journey.matching import is_true, matches
from leadloop.journey.records_of import concerns
from leadloop.journey.simulation import carrying
from leadloop.journey.simulation.events import SimulatedEvent
from leadloop.journey.simulation.matcher_words import describe_match
from leadloop.journey.simulation.past import SimulatedPast, View
from leadloop.journey.state import Arm, BranchTaken, Cause, Continued, JourneyFacts, Started, first_state
from leadloop.language.plan import (
    AwaitStep,
    ChangeMatch,
    EventMatch,
    Matcher,
    StageMatch,
    WhenMatch,
)

if TYPE_CHECKING:
    from leadloop.journey.simulation.play import Play
    from leadloop.journey.simulation.records import MadeUpRecord

_UNSUBSCRIBED = "unsubscribed"


class Journey:
    """A journey that has begun with an event of the lead."""

    def __init__(
        self, play: Play, name: str, cause: SimulatedEvent, record: MadeUpRecord | None, start: str | None
    ) -> None:
        self.play = play
        self.plan = play.plan
        self.name = name
        self.cause = cause
        self.record = record
        self.state = first_state(play.plan, start)
        self.entered_at = play.now
        self.cycle = play.lead.cycle
        self.outbox = carrying.Outbox()
        self.due_at: datetime | None = None
        self.ended = self.shielded = False
        self._arms: tuple[Arm, ...] = ()
        self._waits_since = play.now
        self._locked_at: datetime | None = None

    # --- turns

    def start(self) -> None:
        """Take the first turn."""
        self.turn(Started())

    def turn(self, cause: Cause) -> None:
        """Go on until the journey waits or ends."""
        walked = 0
        while not self.ended:
            decision = decide(self.plan, self.state, self.facts(), cause, self.play.now, walked)
            walked, self.state, self.shielded = decision.steps_walked, decision.state, decision.shielded
            self._arms, self.due_at, self._locked_at = (), None, None
            self._say(decision.trace)
            for effect in decision.effects:
                carrying.carry_out(self, effect)
            if self.ended:
                return
            stop = decision.stop
            if stop.kind == "again":
                cause = Continued()
            elif stop.kind in ("send", "call"):
                cause = carrying.hand_over(self, stop)
            elif stop.kind == "wait":
                taken = self._wait(stop.arms, stop.due_at)
                if taken is None:
                    return
                cause = taken
            elif stop.kind == "end":
                self.end(stop.outcome or "completed")
            else:
                self.end("held", stop.reason or "")

    def react(self, events: Iterable[SimulatedEvent]) -> None:
        """End the journey, or take the branch that one of the events, or the lead as it is, satisfies."""
        events = [event for event in events if event.seq != self.cause.seq]
        self.sync_lock()
        if self.exit_by(events):
            return
        taken = self._satisfied(events, since_arming=True)
        if taken is not None:
            self.turn(taken)

    def exit_by(self, events: Iterable[SimulatedEvent]) -> bool:
        """End the journey where an event, or the lead as it is now, is a refusal, its goal or its exit."""
        if self.ended:
            return True
        why = next((found for event in events if (found := self._why(event))), None) or self._why(None)
        if why is None:
            return False
        self.end(*why)
        return True

    def end(self, outcome: str, reason: str = "") -> None:
        """End the journey, and tell why."""
        self.ended, self.play.timeline.outcome = True, outcome
        self._arms, self.due_at = (), None
        self.play.say("end", f"ends: {outcome}" + (f" ({reason})" if reason else ""))

    def sync_lock(self) -> None:
        """Stop or start the clock while sales works on the lead, as `pause_clock` says."""
        play, lead = self.play, self.play.lead
        if lead.in_sales and self._locked_at is None and self.due_at is not None and self._stands_still():
            self._locked_at = play.now
            play.say("wait", "sales works on the lead: the clock stands still", self.state.step)
        elif not lead.in_sales and self._locked_at is not None and self.due_at is not None:
            since = self._waits_since if self.plan.pause_clock == "restart" else self._locked_at
            self.due_at, self._locked_at = self.due_at + (play.now - since), None
            text = f"the clock goes on, now until {play.words.when(self.due_at.isoformat())}"
            play.say("wait", text, self.state.step)

    @property
    def times_out_at(self) -> datetime | None:
        """When the wait ends; None for never, and while the clock stands still."""
        return self.due_at if self._locked_at is None else None

    # --- facts

    def values(self) -> dict[str, FactValue]:
        """Return every fact that a condition of the journey may read, with the journey's own past."""
        lead, workspace = self.play.lead, self.play.publication.workspace
        zone, declared = lead.zone, workspace.events.get(self.cause.type, {})
        values = lead.facts(self.play.now)
        values.update(run_facts(self.cause.properties, declared, self.entered_at, self.cycle, zone))
        if self.record is not None:
            values.update(self.record.facts(zone))
        values.update(result_facts(self.state.results, zone))
        view = View(self.cause.seq, self.state.arrivals, self.state.sends, self._concerns)
        return SimulatedPast(lead.events, workspace, zone, self.play.now, view).bind(values)

    def facts(self) -> JourneyFacts:
        """Gather what `decide` may depend on, as it is now."""
        publication, lead = self.play.publication, self.play.lead
        workspace = publication.workspace
        window = workspace.limits.send_window
        return JourneyFacts(
            enrolment_id=self.name,
            values=self.values(),
            lead_seq=lead.seq,
            zone=lead.zone,
            calendars=workspace.calendars,
            send_calendar=workspace.calendars.get(window.calendar) if window else None,
            queues=workspace.queues,
            streams=publication.streams,
            had_templates=frozenset(one.template for one in self.outbox.sent),
            open_deals=lead.open_deals,
            dates=self._dates(),
            references=self.outbox.references,
            subject_key=self.name,
            record_key=self._record_key,
            winners=self.play.choices.winners,
        )

    # --- waiting

    def _wait(self, arms: tuple[Arm, ...], due_at: datetime | None) -> BranchTaken | None:
        """Wait; return what was satisfied already since the arms look back."""
        self._arms, self.due_at, self._waits_since = arms, due_at, self.play.now
        taken = self._satisfied(self.play.lead.events, since_arming=False)
        step = self.plan.steps[self.state.step]
        if taken is None:
            self.sync_lock()
            if isinstance(step, AwaitStep):
                self.play.hope(step, due_at)
        return taken

    def _satisfied(self, events: Iterable[SimulatedEvent], since_arming: bool) -> BranchTaken | None:
        """Return the first branch that is satisfied, in the order of the branches.

        A condition or a date is looked at when the lead changes; on arrival the step itself did so.
        """
        if self.ended or not self._arms:
            return None
        values, events = self.values(), list(events)
        for index, arm in enumerate(self._arms):
            if isinstance(arm.match, WhenMatch | ChangeMatch):
                if since_arming and self._holds(arm.match, values):
                    return BranchTaken(index, self.play.lead.seq)
                continue
            for event in events:
                if event.seq <= max(arm.since_seq, self.cause.seq) or not self._concerns(event):
                    continue
                of_mail = not isinstance(arm.match, EventMatch) or not arm.match.of
                if (of_mail or event.send_key in arm.send_keys) and matches(arm.match, event, values):
                    return BranchTaken(index, event.seq, event.type, str(event.seq), event.properties)
        return None

    def _holds(self, match: WhenMatch | ChangeMatch, values: Mapping[str, FactValue]) -> bool:
        if isinstance(match, WhenMatch):
            return is_true(match.when, values)
        return wait_text(self._dates().get(match.fact) or values.get(match.fact)) != match.seen

    def _why(self, event: SimulatedEvent | None) -> tuple[str, str] | None:
        if event is not None and event.type == "unsubscribed":
            topic = str(event.properties.get("topic") or "*")
            if topic in (self.plan.topic, "*"):
                return _UNSUBSCRIBED, f"refused {topic}"
        if self.shielded:
            return None
        for outcome, matchers in (("goal", self.plan.goal), ("exited", self.plan.exit_when)):
            for match in matchers:
                if self._is_met(match, event):
                    return outcome, describe_match(match)
        return None

    def _is_met(self, match: Matcher, event: SimulatedEvent | None) -> bool:
        if isinstance(match, WhenMatch):
            return is_true(match.when, self.values())
        if event is None or event.seq == self.cause.seq or not self._concerns(event):
            return False
        if isinstance(match, EventMatch) and match.of:
            keys = {key for step in match.of for key in self.state.sends.get(step, ())}
            if event.send_key not in keys:
                return False
        return matches(match, event, self.values())

    def _stands_still(self) -> bool:
        if self.plan.pause_clock == "run" or self.shielded:
            return False
        return waits_a_length(self.plan.steps[self.state.step], self.state.phase)

    def _concerns(self, event: SimulatedEvent) -> bool:
        return concerns(self.plan, self._record_key, event, self.play.publication.workspace)

    @property
    def _record_key(self) -> str:
        return self.record.key if self.record is not None else ""

    def _dates(self) -> dict[str, str]:
        lead, workspace = self.play.lead, self.play.publication.workspace
        declared = workspace.events.get(self.cause.type, {})
        return {
            **date_facts("lead.", lead.fields, workspace.lead_fields),
            **date_facts("run.entry.", self.cause.properties, declared),
            **(self.record.dates() if self.record is not None else {}),
            **result_dates(self.state.results),
        }

    def _say(self, trace: Iterable[Mapping[str, Any]]) -> None:
        path = self.play.timeline.path
        for line in trace:
            step = str(line.get("step", ""))
            if step and (not path or path[-1] != step):
                path.append(step)
            told = self.play.words.tell(line)
            if told is not None and not self._holds_on(line, told[1]):
                self.play.say(*told, step, detail=line)

    def _holds_on(self, trace: Mapping[str, Any], text: str) -> bool:
        """Return whether a mail is held on for the same reason: its line then says until when now."""
        lines = self.play.timeline.lines
        same = ("step", "did", "status", "reason")
        if trace.get("status") != "held" or not lines:
            return False
        if any(lines[-1].detail.get(name) != trace.get(name) for name in same):
            return False
        lines[-1] = replace(lines[-1], text=text, detail=dict(trace))
        return True


def met_now(matchers: Iterable[Matcher], stage: str, values: Mapping[str, FactValue]) -> Matcher | None:
    """Return the goal or exit that is met already, so that the lead must not enter."""
    for match in matchers:
        if isinstance(match, StageMatch) and stage in match.stages:
            return match
        if isinstance(match, WhenMatch) and is_true(match.when, values):
            return match
    return None
