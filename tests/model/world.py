"""The model's world of one lead: time, turns and mails. In memory.

A journey goes on when its mail is finished, its branch is taken, or its instant has come; the path is that
of the pure `decide`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Literal

from leadloop.journey.decide import decide
from leadloop.journey.state import CallFinished, Cause, Continued, MessageFinished, Moved, Started, TimedOut
from leadloop.language import plan as p
from tests.model.effects import carry_out
from tests.model.journey import Journey, Message
from tests.model.lead import Fact, Lead, holds
from tests.model.mails import hold_for
from tests.model.story import Story

Verdict = Literal["accepted", "refused", "lost", "died"]
"""What came of handing a mail over: the mail server's answer, or that the sender died before it could
write the answer down."""

_MOMENT = timedelta(seconds=2)
_SWITCHED_OFF = timedelta(minutes=10)
_FINISHED = ("sent", "held", "skipped", "failed", "uncertain")


class World(Story):
    """One lead with its journeys and mails. `verdict` tells what came of a mail that was handed over."""

    def __init__(
        self, lead: Lead, now: datetime, named: Callable[[str, int], str], verdict: Callable[[str], Verdict]
    ) -> None:
        super().__init__(lead, now, named)
        self.mails_stopped = False
        self._verdict = verdict

    def advance(self, to: datetime) -> None:
        """Let time pass to an instant at which the engine looks; nothing must have come before it."""
        if self.lead.erased:
            self.now = to
            return
        self._nothing_missed(to - _MOMENT)
        self.now = to
        self.rescore(self.publication.scoring.models, None)
        self.settle()

    def rest(self) -> None:
        """Let everything that may happen now happen."""
        for _ in range(200):
            moved = self.apply_inbox() + self.enter_put_off()
            for journey in sorted(self.journeys, key=lambda one: one.id):
                kind, key = journey.head
                if kind == "send" and key is not None:
                    self._hand_over(self.messages[key], journey)
                if kind == "call" and key is not None and self.calls[key] == "new":
                    self.calls[key] = "done"
                moved += self._take_turn(journey)
            if not moved:
                return
        raise AssertionError("the model does not come to rest")

    def _nothing_missed(self, at: datetime) -> None:
        """Decay is slow and goes one way: what it changed up to here, the engine had to look at."""
        lead = self.lead
        if at <= self.now:
            return
        for model in self.publication.scoring.bands:
            assert lead.band(model, at) == lead.bands[model], f"{model} decayed unnoticed"
        assert self.members(at) == lead.segments, "a segment was left unnoticed"
        for journey in self.open_journeys:
            assert journey.why_over((), at) is None, f"{journey.plan.scenario} was over unnoticed"
            values = journey.values(at)
            whens = [arm.match for arm in journey.arms if isinstance(arm.match, p.WhenMatch)]
            assert not any(holds(one.when, values) for one in whens), "a wait was over unnoticed"

    # --- what people do

    def stop_mails(self, stop: bool) -> None:
        """Stop all mails; when they may go again, those that were held are asked for again at once."""
        self.mails_stopped = stop
        for message in self.messages.values():
            if not stop and (message.status, message.reason) == ("held", "kill_switch"):
                message.hold_until = self.now

    def pause(self, journey: Journey, clock: str) -> None:
        """Take no turn until it is resumed; what the lead does still counts."""
        if journey.status != "running":
            return
        journey.status, journey.clock = "paused", clock
        over = journey.due_at is not None and journey.due_at <= self.now
        if clock != "run" and journey.waits_for_time and not over:
            journey.frozen_at = self.now

    def resume(self, journey: Journey) -> None:
        """Go on; a frozen wait ends so much later, one that begins anew is as long as it was."""
        if journey.status != "paused":
            return
        since, again = journey.frozen_at, journey.clock == "restart"
        if since is not None and again:
            since, journey.shift = journey.wait_began_at or since, timedelta()
        if since is not None:
            journey.shift += timedelta(seconds=int((self.now - since).total_seconds()))
        journey.status, journey.clock, journey.frozen_at = "running", None, None
        self.settle()

    def cancel(self, journey: Journey) -> None:
        self._end(journey, "cancelled", "")
        self.settle()

    def publish(self, publication: p.Publication) -> None:
        """Make a new version live, and tell the journeys in flight what `on_edit` says."""
        self.apply_inbox()
        self.lead.publication = publication
        for journey in self.open_journeys:
            newest = publication.plans[journey.plan.scenario]
            what = newest.on_edit.default
            if journey.plan == newest or what == "stay":
                continue
            if what == "exit":
                self._end(journey, "edited", "")
                self.settle()
            else:
                journey.move_to = newest if what == "move" else "finish"

    # --- turns

    def has_turn(self, journey: Journey) -> bool:
        return journey.turn_no > 0 and journey.status == "running" and self._cause(journey) is not None

    def _cause(self, journey: Journey) -> Cause | Literal["closed"] | None:
        """Return why the next turn may be taken; None while it may not."""
        kind, key = journey.head
        if kind == "end" or journey.status in ("held", "paused"):
            return None
        if not journey.is_open:
            return None if self._in_flight(journey) else "closed"
        if journey.turn_no == 0:
            return Started()
        if kind == "send":
            message = self.messages[key or ""]
            if message.status not in _FINISHED:
                return None
            return MessageFinished(message.status, message.reason, message.hold_until)
        if kind == "call":
            status = self.calls[key or ""]
            return CallFinished(status) if status != "new" else None
        if isinstance(journey.move_to, p.Plan):
            return Moved()
        if journey.taken is not None:
            return journey.taken
        over = journey.due_at is not None and journey.due_at <= self.now
        return TimedOut() if over or self._is_released(journey) else None

    def _is_released(self, journey: Journey) -> bool:
        """Return whether the mail that the journey holds may be asked for again before its time."""
        sends = journey.state.sends.get(journey.state.step, ())
        message = self.messages[sends[-1]] if sends else None
        if journey.state.phase != "held" or message is None or message.hold_until is None:
            return False
        return message.status == "held" and message.hold_until <= self.now

    def _in_flight(self, journey: Journey) -> bool:
        kind, key = journey.head
        if kind == "send":
            return self.messages[key or ""].status not in _FINISHED
        return kind == "call" and self.calls[key or ""] == "new"

    def _take_turn(self, journey: Journey) -> bool:
        self.apply_inbox()
        cause = self._cause(journey)
        if cause is None:
            return False
        self.turning = journey
        trace: list[dict[str, Any]] = []
        kept = (journey.wait_until, journey.shift)
        journey.head, journey.wait_until, journey.shift = ("end", None), None, timedelta()
        if isinstance(cause, Moved) and isinstance(journey.move_to, p.Plan):
            trace.append({"step": journey.state.step, "did": "moved"})
            journey.plan, journey.move_to = journey.move_to, None
            kind = journey.plan.steps[journey.state.step].kind
            if kind not in ("wait", "await") and journey.taken is None:
                journey.head, (journey.wait_until, journey.shift) = ("wait", None), kept
                cause = None
            elif kind not in ("wait", "await"):
                cause = journey.taken
        if cause is not None and not isinstance(cause, str):
            visits = journey.state.visits
            self._walk(journey, cause, trace)
            if isinstance(cause, Moved) and journey.state.visits == visits:  # the same wait, worked out anew
                journey.shift = kept[1]
        journey.turn_no += 1
        journey.moved_at = self.now
        journey.traces.append(trace)
        self.turning = None
        return True

    def _walk(self, journey: Journey, cause: Cause, trace: list[dict[str, Any]]) -> None:
        walked = 0
        while True:
            facts = journey.facts(self.now, self._had())
            last = journey.move_to == "finish"
            decision = decide(journey.plan, journey.state, facts, cause, self.now, walked, last)
            walked, journey.state = decision.steps_walked, decision.state
            journey.arms, journey.taken = (), None
            trace.extend(decision.trace)
            for effect in decision.effects:
                trace.extend(carry_out(self, journey, effect))
                if not journey.is_open:
                    trace.append({"did": "ended", "outcome": journey.outcome})
                    return
            stop, taken = decision.stop, None
            if stop.kind == "again":
                cause = Continued()
            elif stop.kind == "wait":
                taken = journey.wait(stop.arms, self.now)
                if taken is None:
                    journey.head, journey.wait_until = ("wait", None), stop.due_at
                    return
                cause = taken
            else:
                self._stop(journey, stop)
                return

    def _stop(self, journey: Journey, stop: Any) -> None:
        if stop.kind in ("send", "call"):
            journey.head = (stop.kind, stop.send_key or stop.call_key)
        elif stop.kind == "held":
            journey.head, journey.status = ("wait", None), "held"
        else:
            journey.status, journey.outcome, journey.ended_at = "ended", stop.outcome, self.now

    def _had(self) -> frozenset[str]:
        """The contents that the lead had, or is about to have."""
        gone = ("skipped", "failed")
        mails = [one for one in self.messages.values() if one.kind == "mail" and one.status not in gone]
        return frozenset(one.template for one in mails)

    # --- mails

    def _hand_over(self, message: Message, journey: Journey) -> None:
        if message.status != "new":
            return
        self.apply_inbox()
        if message.status != "new":  # what came in ended its journey
            return
        refusal = self._no_mail(message, journey)
        hold = self._hold(message) if refusal is None and message.kind == "mail" else None
        if refusal is not None:
            message.status, message.reason = "skipped", refusal
        elif hold is not None:
            message.status, (message.hold_until, message.reason) = "held", hold
        else:
            message.reason, message.at = None, self.now
            self._hand_to_server(message)

    def _hand_to_server(self, message: Message) -> None:
        match self._verdict(message.key):
            case "accepted":
                message.status = "sent"
                if message.kind == "mail":
                    self.inbox.append(Fact("email_sent", {}, self.now, send_key=message.key))
            case "refused":
                message.status, message.reason = "failed", "smtp_550"
            case "lost":
                message.status, message.reason = "uncertain", "connection_lost_after_data"
            case "died":
                message.status, message.reason = "uncertain", "attempt_died"

    def _no_mail(self, message: Message, journey: Journey) -> str | None:
        if message.topic is None:
            return "erased" if self.lead.erased else None if journey.is_open else "journey_ended"
        return self.lead.no_mail(message.topic, self.now) or (None if journey.is_open else "journey_ended")

    def _hold(self, message: Message) -> tuple[datetime, str] | None:
        if self.mails_stopped:
            return self.now + _SWITCHED_OFF, "kill_switch"
        return hold_for(self.lead, message, self.messages.values(), self.now)
