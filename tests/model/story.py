"""The model's story of one lead: what happens to it, and what follows, one thing after another.

It follows `docs/journeys.md` and `docs/architecture.md`: an event is numbered, brings points, moves bands,
segments and the stage, ends journeys, satisfies waits, begins journeys, in this order; what follows from it
is applied after it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from leadloop.language import plan as p
from tests.model import clocks
from tests.model.asked import Asked
from tests.model.entries import entry_of, refusal_of
from tests.model.journey import Journey
from tests.model.lead import REFUSED, Fact, Lead, fits, holds
from tests.model.records import record_of
from tests.model.selling import sync_locks, withdraw
from tests.model.timers import Timers

_FIRST_LOOK, _LAST_LOOK = timedelta(seconds=10), timedelta(hours=1)
_DEEPEST = 20


@dataclass
class PutOff:
    """An entry that was put off because the journey in its way has a turn to take."""

    at: datetime
    plan: p.Plan
    index: int
    fact: Fact
    ahead: Journey
    turn_no: int
    pause: timedelta


class Story(Asked):
    """One lead with its journeys. `named` gives the n-th journey of a scenario the engine's id."""

    def __init__(self, lead: Lead, now: datetime, named: Callable[[str, int], str]) -> None:
        super().__init__(now)
        self.lead = lead
        self.journeys: list[Journey] = []
        self.inbox: list[Fact] = []
        self.turning: Journey | None = None
        """The journey whose turn is being taken."""
        self._named = named
        self._queue: deque[Fact] = deque()
        self._put_off: dict[tuple[str, int, str], PutOff] = {}
        self.mapped: dict[str, str] = {}
        """Where people on steps of older versions go in the newest one, as operators said."""
        self.timers = Timers(lead)
        self.paused: dict[str, str] = {}
        """Scenarios that stand still -> what their clocks do."""

    @property
    def publication(self) -> p.Publication:
        return self.lead.publication

    @property
    def open_journeys(self) -> list[Journey]:
        return [journey for journey in self.journeys if journey.is_open]

    def has_turn(self, journey: Journey) -> bool:
        """Return whether a journey's next turn may be taken: it may be about to end."""
        raise NotImplementedError

    # --- what happens

    def happen(self, fact: Fact) -> None:
        """Accept a fact; refusals and bad addresses count from this moment."""
        lead = self.lead
        if fact.type == "unsubscribed":
            lead.answer(fact.properties.get("topic") or "*", REFUSED, self.now)
        if fact.type == "email_complained" or fact.properties.get("kind") == "hard":
            lead.suppressed = True
        self.inbox.append(fact)

    def put_record(self, key: str, starts_at: str) -> None:
        """Report a seminar; whoever is in a journey for it hears what changed."""
        known = self.lead.records.get(key, {}).get("starts_at")
        self.lead.records[key] = {"starts_at": starts_at}
        if known != starts_at and any(one.record == key for one in self.open_journeys):
            self.happen(
                Fact("record_changed", {"record": "seminar", "key": key, "field": "starts_at"}, self.now)
            )

    def enrol(self, scenario: str) -> None:
        """Ask by hand. Who is refused leaves no trace, but in the story of a journey in the way."""
        self.apply_inbox()
        plan = self.publication.plans[scenario]
        fact = Fact("enrol_requested", {"scenario": scenario}, self.now)
        refusal = refusal_of(self.lead, self.journeys, plan, replace(fact, seq=-1), self.now)
        if refusal is None or refusal[0] in ("open", "group"):
            self._apply(fact)
            self._drain()

    def erase(self) -> None:
        """End everything; from now on nothing happens to the lead any more."""
        self.apply_inbox()
        self.lead.erased = True
        for journey in self.open_journeys:
            self.end(journey, "erased", "")
        sales = self.lead.sales
        for key in {*(one.journey for one in sales.offers), *(one.journey for one in sales.tasks)}:
            self.lead.sales.withdraw_tasks(key)
            self.lead.sales.end_offers("withdrawn", key)
        self._put_off.clear()
        self.timers.waiting.clear()

    # --- applying

    def apply_inbox(self) -> int:
        facts, self.inbox = self.inbox, []
        for fact in facts:
            self._apply(fact)
            self._drain()
        return len(facts)

    def _drain(self) -> None:
        while self._queue:
            self._apply(self._queue.popleft())

    def emit(self, kind: str, cause: Fact | None, **properties: Any) -> None:
        depth = cause.depth + 1 if cause is not None else 0
        if depth <= _DEEPEST:
            known = {name: value for name, value in properties.items() if value is not None}
            self._queue.append(Fact(kind, known, self.now, depth=depth))

    def take(self, fact: Fact) -> None:
        """Let a fact happen at once, with what follows from it."""
        self._apply(fact)
        self._drain()

    def _apply(self, fact: Fact) -> None:
        lead = self.lead
        fact = replace(fact, seq=len(lead.past) + 1)
        lead.past.append(fact)
        if fact.by_person:
            lead.last_active_at = fact.at
        lead.fields.update(fact.identity)
        self._permissions(fact)
        if fact.send_key is not None and fact.type in ("email_opened", "email_clicked"):
            message = self.messages[fact.send_key]
            if message.status == "uncertain":
                message.status, message.reason = "sent", f"proved by {fact.type}"
        if not lead.sales.apply(fact.type, dict(fact.properties)):
            return
        changed = set()
        for row in lead.earned(fact, lead.facts(self.now)):
            lead.ledger.append(row)
            changed.add(row.model)
        self.rescore(changed, fact)
        self._consequences(fact, [fact])

    def _permissions(self, fact: Fact) -> None:
        lead = self.lead
        if fact.type == "form_submitted":
            for name, topic in self.publication.workspace.topics.items():
                if "request" in topic.basis:
                    lead.answer(name, "request", fact.at)
        if fact.type == "unsubscribed":
            lead.answer(fact.properties.get("topic") or "*", REFUSED, fact.at)
        for pause in lead.pauses:
            facts = lead.facts(self.now)
            pause.lifted = pause.lifted or any(fits(match, fact, facts) for match in pause.lift_on)

    def rescore(self, models: Iterable[str], cause: Fact | None) -> None:
        for model in sorted(models):
            if model in self.lead.bands:
                old, new = self.lead.bands[model], self.lead.band(model, self.now)
                if new != old:
                    self.lead.bands[model] = new
                    self.emit("band_changed", cause, model=model, **{"from": old, "to": new})

    def settle(self) -> None:
        self._consequences(None, [])
        self._drain()

    def _consequences(self, cause: Fact | None, facts: Sequence[Fact]) -> None:
        lead = self.lead
        rows = list(lead.attributes(lead.facts(self.now), self.now))
        lead.ledger.extend(rows)
        self.rescore({row.model for row in rows}, cause)
        self._segments(cause)
        self._stages(cause, facts)
        sync_locks(self)
        for journey in self.open_journeys:
            why = journey.why_over(facts, self.now)
            if why is not None:
                self.end(journey, *why)
        for journey in self.open_journeys:
            journey.notice(facts, self.now)
        for fact in facts:
            for plan in self.publication.plans.values():
                index = entry_of(self.lead, plan, fact, self.now)
                if index is not None:
                    self._enter(plan, index, fact)
        self.timers.keep(self.now)

    def enter_by_time(self) -> None:
        """Let enter whose time has come."""
        for (scenario, entry), timer in self.timers.take_due(self.now):
            self.emit("entry_due", None, scenario=scenario, entry=entry, day=timer.day)
            self.settle()

    def _segments(self, cause: Fact | None) -> None:
        before, after = self.lead.segments, self.members(self.now)
        self.lead.segments = after
        for name in before:
            if name not in after:
                self.emit("segment_left", cause, segment=name)
        for name in after:
            if name not in before:
                self.emit("segment_entered", cause, segment=name)

    def members(self, at: datetime) -> list[str]:
        facts = self.lead.facts(at)
        return [name for name, one in self.publication.segments.items() if holds(one.when, facts)]

    def _stages(self, cause: Fact | None, facts: Sequence[Fact]) -> None:
        lead, transitions = self.lead, self.publication.lifecycle.transitions
        for fact in facts:
            known = lead.facts(self.now)
            by_event = (one for one in transitions if one.event is not None and fits(one.event, fact, known))
            found = next((one for one in by_event if leads_on(one, lead.stage)), None)
            if found is not None:
                self.move_stage(found.to, fact)
        if lead.recycle_until is not None and lead.recycle_until > self.now:
            return
        known, turned = lead.facts(self.now), []
        for one in transitions:
            if one.event is None and one.when is not None:
                truth = holds(one.when, known)
                if truth and not lead.truths.get(one.id, False):
                    turned.append(one)
                lead.truths[one.id] = truth
        found = next((one for one in turned if leads_on(one, lead.stage)), None)
        if found is not None:
            self.move_stage(found.to, cause)

    def move_stage(self, to: str, cause: Fact | None) -> None:
        old, self.lead.stage = self.lead.stage, to
        self.emit("stage_changed", cause, **{"from": old, "to": to})

    # --- entries

    def _enter(self, plan: p.Plan, index: int, fact: Fact, waited: bool = False) -> None:
        refusal = refusal_of(self.lead, self.journeys, plan, fact, self.now)
        if refusal is None:
            record = record_of(plan, fact, self.publication.workspace) or ""
            for journey in self.open_journeys:
                if (journey.plan.scenario, journey.record) == (plan.scenario, record):
                    self.end(journey, "restarted", "entered again")
            number = sum(one.plan.scenario == plan.scenario for one in self.journeys)
            name, start = self._named(plan.scenario, number), plan.entry[index].start
            journey = Journey.begin(name, plan, self.lead, fact, start, self.now)
            self.journeys.append(journey)
            if plan.scenario in self.paused:
                clocks.pause(journey, "scenario", self.paused[plan.scenario], self.now)
            return
        code, other = refusal
        if code not in ("open", "group") or other is None:
            return
        key = (plan.scenario, index, record_of(plan, fact, self.publication.workspace) or "")
        if not waited and key not in self._put_off and (other is self.turning or self.has_turn(other)):
            self._put_off[key] = PutOff(
                self.now + _FIRST_LOOK, plan, index, fact, other, other.turn_no, _FIRST_LOOK
            )
            return
        refused = plan.scenario if other.plan.scenario != plan.scenario else None
        self.emit("entry_repeated", fact, scenario=other.plan.scenario, refused=refused)

    def enter_put_off(self) -> int:
        due = sorted((put.at, key) for key, put in self._put_off.items() if put.at <= self.now)
        for _, key in due:
            self.apply_inbox()
            put = self._put_off.pop(key)
            if put.ahead.is_open and put.ahead.turn_no == put.turn_no:
                pause = max(min(2 * put.pause, _LAST_LOOK), _FIRST_LOOK)
                self._put_off[key] = replace(put, at=self.now + pause, pause=pause)
            else:
                self._enter(put.plan, put.index, put.fact, waited=True)
            self.settle()
        return len(due)

    def end(self, journey: Journey, outcome: str, reason: str) -> None:
        """End a journey from outside, in any state; what it has not sent is not sent."""
        journey.status, journey.outcome, journey.ended_at = "ended", outcome, self.now
        journey.wait_until, journey.arms, journey.taken = None, (), None
        journey.frozen_at, journey.held, journey.retry = None, None, False
        journey.stops.clear()
        for message in self.messages_of(journey):
            if message.kind == "mail" and message.status in ("new", "held"):
                why = outcome if outcome in ("unsubscribed", "erased") else "journey_ended"
                message.status, message.reason, message.hold_until = "skipped", why, None
        kind, key = journey.head
        if kind == "call" and key is not None and self.calls[key] == "new":
            self.calls[key] = "skipped"
        withdraw(self, journey, taken_up=outcome in ("erased", "restarted"), tasks=outcome != "unsubscribed")
        if journey.plan.steps[journey.at.step].kind == "recycle":  # nothing is left that would end the rest
            self.lead.recycle_until = None


def leads_on(transition: p.Transition, stage: str) -> bool:
    """Return whether a transition leads from a stage to another one."""
    return stage != transition.to and (transition.source is None or stage in transition.source)
