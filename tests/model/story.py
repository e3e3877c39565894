"""The model's story of one lead: what happens to it, and what follows, one thing after another.

It follows `docs/journeys.md` and `docs/architecture.md`: an event is numbered, brings points, moves bands,
segments and the stage, ends journeys, satisfies waits, begins journeys, in this order; what follows from it
is applied after it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from leadloop.language import plan as p
from tests.model import clocks
from tests.model.entries import entry_of, refusal_of
from tests.model.journey import Journey, Message
from tests.model.lead import REFUSED, Fact, Lead, fits, holds

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


class Story:
    """One lead with its journeys. `named` gives the n-th journey of a scenario the engine's id."""

    def __init__(self, lead: Lead, now: datetime, named: Callable[[str, int], str]) -> None:
        self.lead = lead
        self.now = now
        self.journeys: list[Journey] = []
        self.messages: dict[str, Message] = {}
        self.calls: dict[str, str] = {}
        """Call key -> `new`, `done` or `skipped`."""
        self.inbox: list[Fact] = []
        self.turning: Journey | None = None
        """The journey whose turn is being taken."""
        self._named = named
        self._queue: deque[Fact] = deque()
        self._put_off: dict[tuple[str, int], PutOff] = {}
        self.mapped: dict[str, str] = {}
        """Where people on steps of older versions go in the newest one, as operators said."""
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
        for key in {one.journey for one in (*self.lead.sales.offers, *self.lead.sales.tasks)}:
            self.lead.sales.withdraw_tasks(key)
            self.lead.sales.end_offers("withdrawn", key)
        self._put_off.clear()

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
        self.sync_locks()
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
            for journey in self.open_journeys:
                if journey.plan.scenario == plan.scenario:
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
        key = (plan.scenario, index)
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
        for message in self._messages_of(journey):
            if message.kind == "mail" and message.status in ("new", "held"):
                why = outcome if outcome in ("unsubscribed", "erased") else "journey_ended"
                message.status, message.reason, message.hold_until = "skipped", why, None
        kind, key = journey.head
        if kind == "call" and key is not None and self.calls[key] == "new":
            self.calls[key] = "skipped"
        self._withdraw(journey, taken_up=outcome in ("erased", "restarted"), tasks=outcome != "unsubscribed")
        if journey.plan.steps[journey.at.step].kind == "recycle":  # nothing is left that would end the rest
            self.lead.recycle_until = None

    # --- what journeys ask for

    def had(self) -> set[str]:
        """The contents that the lead had, or is about to have."""
        gone = ("skipped", "failed")
        mails = [one for one in self.messages.values() if one.kind == "mail" and one.status not in gone]
        return {one.template for one in mails}

    def ask(self, journey: Journey, key: str, template: str, topic: str) -> None:
        """Put a mail in the outbox, or let a held one be handed over again."""
        message = self.messages.get(key)
        if message is None:
            self._put(journey, key, "mail", template, topic)
        elif message.status == "held":
            message.status, message.hold_until = "new", None

    def drop(self, key: str, reason: str) -> None:
        message = self.messages.get(key)
        if message is not None and message.status == "held":
            message.status, message.reason, message.hold_until = "skipped", reason, None

    def tell(self, journey: Journey, key: str, template: str) -> str:
        """Put a notice to somebody of the house in the outbox."""
        if key not in self.messages:
            self._put(journey, key, "notice", template, None)
        return key

    def _put(self, journey: Journey, key: str, kind: Any, template: str, topic: str | None) -> None:
        at = journey.at
        self.messages[key] = Message(key, journey, kind, at.step, at.visit, template, topic)

    def leave(self, journey: Journey) -> None:
        """Take back what the step of an older version was waiting for."""
        self._withdraw(journey)
        for message in self._messages_of(journey):
            if message.status == "held":
                message.status, message.reason, message.hold_until = "skipped", "edited", None

    def release(self, journey: Journey) -> None:
        """Let the mails that were held because the journey was paused be asked for now."""
        for message in self._messages_of(journey):
            if (message.status, message.reason) == ("held", "paused"):
                message.hold_until = self.now

    # --- sales

    def _withdraw(self, journey: Journey, *, taken_up: bool = False, tasks: bool = True) -> None:
        """Take back the journey's tasks, and its offer; what sales works on stays, unless `taken_up`."""
        sales = self.lead.sales
        if tasks:
            sales.withdraw_tasks(journey.id)
        sales.end_offers("withdrawn", journey.id, ("offered", "accepted") if taken_up else ("offered",))
        self.sync_locks()

    def sync_locks(self) -> None:
        """Stop or start the clocks of the journeys, as sales works on the lead or not."""
        for journey in self.open_journeys:
            if self.lead.sales.works:
                self.lock(journey)
            elif "sales" in journey.stops:
                clocks.lift(journey, "sales", self.now, journey.plan.pause_clock)

    def lock(self, journey: Journey) -> None:
        """Stop the clock of a journey while sales works on the lead; not that of its own hand-off."""
        clock = journey.plan.pause_clock
        if self.lead.sales.works and "sales" not in journey.stops and not journey.shielded and clock != "run":
            journey.stops["sales"] = clock
            if journey is not self.turning:
                clocks.stand_still(journey, self.now)

    def report(self, fact: Fact) -> None:
        """Take what sales reports by a command: applied at once, and not recorded where it fits nothing."""
        self.apply_inbox()
        if deepcopy(self.lead.sales).apply(fact.type, dict(fact.properties)):
            self._apply(fact)
            self._drain()

    def begin_cycle(self, journey: Journey, until: datetime, resets: Sequence[str]) -> None:
        """Let the lead rest. One loss is counted once; scores are reset before the rest begins."""
        lead, deal = self.lead, str(journey.cause.properties.get("deal"))
        loss = (deal, lead.sales.losses.get(deal, 0)) if deal in lead.sales.deals else (journey.id, 1)
        if loss not in lead.sales.recycled:
            lead.sales.recycled.add(loss)
            lead.cycle += 1
        for model in sorted(resets):
            lead.add(model, "reset", -lead.points(model, self.now), self.now)
        self.rescore(resets, None)
        self.settle()
        lead.recycle_until = until

    def end_cooldown(self) -> None:
        """What turned true while the lead rested, and still is, counts now."""
        self.lead.recycle_until = None
        self.settle()

    def _messages_of(self, journey: Journey) -> list[Message]:
        return [one for one in self.messages.values() if one.journey is journey]


def leads_on(transition: p.Transition, stage: str) -> bool:
    """Return whether a transition leads from a stage to another one."""
    return stage != transition.to and (transition.source is None or stage in transition.source)
