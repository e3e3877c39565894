"""`hand_off: {to}`: offer a lead to sales and follow the offer until it ends."""

from __future__ import annotations

from datetime import datetime

from leadloop.journey.effects import AskStillWorking, EscalateOffer, ExpireOffer, MakeOffer, SetWorkBy
from leadloop.journey.state import Again, BranchTaken, Cause, MessageFinished, Stop, TimedOut
from leadloop.journey.walk import HoldError, Walk, event_about, wait_for
from leadloop.language.plan import Calendar, EventMatch, HandOffStep, Span, Target

ASK_AGAIN = Span(amount=3, unit="business_days")
"""Time between "still working?" and its reminders."""
REMINDERS = 2

_ACCEPTED, _REJECTED, _WORKING, _WON, _LOST = range(5)


class HandOffHandler:
    """Offered -> accepted -> won or lost; rejected and expired end it too.

    Not accepted in time: escalated once where an address is given, then expired. Not ended in
    `work_within`: sales is asked, reminded twice, then expired.
    """

    def enter(self, step: HandOffStep, walk: Walk) -> Stop:
        accept_by = self._after(step.accept_within, step, walk)
        notice = walk.key("notice")
        walk.effects.append(
            MakeOffer(
                walk.key(), notice, step.id, walk.visit, step.queue, accept_by, step.otherwise, step.what
            )
        )
        walk.say("hand_off", to=step.queue, accept_by=accept_by.isoformat() if accept_by else None)
        walk.set_phase("telling", then="offered", accept_by=accept_by.isoformat() if accept_by else None)
        return Stop("send", send_key=notice)

    def resume(self, step: HandOffStep, walk: Walk, cause: Cause) -> Target | Again | Stop:
        phase = walk.state.phase
        if isinstance(cause, MessageFinished) and phase == "telling":
            return self._wait(step, walk, str(walk.state.data["then"]))
        if isinstance(cause, BranchTaken):
            return self._branch(step, walk, cause)
        if isinstance(cause, TimedOut):
            return self._offer_due(step, walk) if phase == "offered" else self._work_due(step, walk)
        raise HoldError(f"`{step.id}` cannot go on after its notice")

    def _branch(self, step: HandOffStep, walk: Walk, cause: BranchTaken) -> Target | Stop:
        walk.say("hand_off", event=cause.event_type)
        if cause.branch in (_ACCEPTED, _WORKING):
            walk.set_phase("working", asks=0, since=cause.seq)
            return self._wait(step, walk, "working")
        if cause.branch == _LOST and walk.facts.open_deals:  # one of several: nothing is over yet
            phase = "offered" if walk.state.phase == "offered" else "working"
            walk.set_phase(phase, since=cause.seq)
            return self._wait(step, walk, phase)
        outcome, target = {
            _REJECTED: ("rejected", step.on_rejected),
            _WON: ("won", step.on_won),
            _LOST: ("lost", step.on_lost),
        }[cause.branch]
        walk.set_result(outcome=outcome)
        return target

    def _offer_due(self, step: HandOffStep, walk: Walk) -> Again | Stop:
        if step.escalate_to is None or walk.state.data.get("escalated"):
            return self._expire(step, walk)
        accept_by = self._after(step.accept_within, step, walk)
        notice = walk.key("escalation")
        walk.effects.append(EscalateOffer(walk.key(), notice, step.escalate_to, accept_by))
        walk.say("hand_off", escalated=True)
        walk.set_phase(
            "telling", then="offered", escalated=True,
            accept_by=accept_by.isoformat() if accept_by else None,
        )  # fmt: skip
        return Stop("send", send_key=notice)

    def _work_due(self, step: HandOffStep, walk: Walk) -> Again | Stop:
        asks = int(walk.state.data.get("asks", 0))
        if asks > REMINDERS:
            return self._expire(step, walk)
        notice = walk.key(f"still-working-{asks}-{walk.state.data.get('round', 0)}")
        walk.effects.append(AskStillWorking(walk.key(), notice))
        walk.say("hand_off", asked_still_working=asks + 1)
        walk.set_phase("telling", then="asked", asks=asks + 1)
        return Stop("send", send_key=notice)

    def _expire(self, step: HandOffStep, walk: Walk) -> Again:
        walk.effects.append(ExpireOffer(walk.key()))
        walk.set_result(outcome="expired")
        walk.say("hand_off", expired=True)
        return Again(step.on_expired)

    def _wait(self, step: HandOffStep, walk: Walk, phase: str) -> Stop:
        offer_id = walk.facts.references.get(walk.key())
        if offer_id is None:
            raise HoldError(f"the offer of `{step.id}` is missing")
        if phase == "offered":
            text = walk.state.data.get("accept_by")
            due_at = datetime.fromisoformat(text) if text else None
        elif phase == "asked":
            due_at = self._after(ASK_AGAIN, step, walk)
        else:
            due_at = self._after(step.work_within, step, walk)
            walk.effects.append(SetWorkBy(walk.key(), due_at))
            walk.set_phase(phase, round=int(walk.state.data.get("round", 0)) + 1)
        since = walk.state.data.get("since")  # what the step has used already never counts again
        walk.set_phase(phase)
        matches = (
            event_about("handoff_accepted", "offer", offer_id),
            event_about("handoff_rejected", "offer", offer_id),
            event_about("handoff_working", "offer", offer_id),
            EventMatch(event="deal_won"),
            EventMatch(event="deal_lost"),
        )
        return wait_for(due_at, *(walk.arm(match, since=since) for match in matches))

    def _after(self, span: Span | None, step: HandOffStep, walk: Walk) -> datetime | None:
        return None if span is None else walk.after(span, self._calendar(step, walk))

    def _calendar(self, step: HandOffStep, walk: Walk) -> Calendar | None:
        name = step.queue if step.queue in walk.facts.queues else step.otherwise
        queue = walk.facts.queues.get(name or "")
        return walk.facts.calendars.get(queue.calendar) if queue and queue.calendar else None
