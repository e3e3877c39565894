"""The model's world of one lead: time passes, journeys take their turns, mails are handed over. In memory."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Literal

from leadloop.language import plan as p
from tests.model import clocks
from tests.model.journey import Journey, Message
from tests.model.lead import Fact, Lead, holds
from tests.model.mails import hold_for
from tests.model.selling import end_cooldown
from tests.model.story import Story
from tests.model.turns import cause_of, take_turn

Verdict = Literal["accepted", "refused", "no_such_address", "lost", "died"]
"""What came of handing a mail over: the mail server's answer, or that the sender died before it could
write the answer down."""

_MOMENT = timedelta(seconds=2)
_SWITCHED_OFF, _PAUSED, _WITH_SALES = timedelta(minutes=10), timedelta(hours=1), timedelta(days=1)


class World(Story):
    """One lead with its journeys and mails. `verdict` tells what came of a mail that was handed over."""

    def __init__(
        self, lead: Lead, now: datetime, named: Callable[[str, int], str], verdict: Callable[[str], Verdict]
    ) -> None:
        super().__init__(lead, now, named)
        self.mails_stopped = False
        self._later = False
        """Whether time has passed that was not looked at."""
        self._verdict = verdict

    def advance(self, to: datetime) -> None:
        """Let time pass to an instant at which the engine looks; nothing must have come before it."""
        if self.lead.erased:
            self.now = to
            return
        self._nothing_missed(to - _MOMENT)
        self.now, self._later = to, True

    def _look_at_the_clock(self) -> None:
        """Bring about what time alone causes."""
        self._later = False
        if self.lead.recycle_until is not None and self.lead.recycle_until <= self.now:
            end_cooldown(self)
        self.rescore(self.publication.scoring.models, None)
        self.settle()
        self.enter_by_time()

    def rest(self) -> None:
        """Let everything that may happen now happen."""
        if self._later and not self.lead.erased:
            self._look_at_the_clock()
        for _ in range(200):
            moved = self.apply_inbox() + self.enter_put_off()
            for journey in sorted(self.journeys, key=lambda one: one.id):
                kind, key = journey.head
                if kind == "send" and key is not None:
                    self._hand_over(self.messages[key], journey)
                if kind == "call" and key is not None and self.calls[key] == "new":
                    self.calls[key] = "done"
                moved += take_turn(self, journey)
            if not moved:
                return
        raise AssertionError("the model does not come to rest")

    def _nothing_missed(self, at: datetime) -> None:
        """Decay is slow and goes one way: what it changed up to here, the engine had to look at."""
        lead = self.lead
        if at <= self.now:
            return
        assert all(timer.at > at for timer in self.timers.waiting.values()), "an entry was missed"
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
        if journey.is_open and "journey" not in journey.stops:
            clocks.pause(journey, "journey", clock, self.now)

    def resume(self, journey: Journey) -> None:
        if "journey" in journey.stops:
            if clocks.resume(journey, "journey", self.now):
                self.release(journey)
            self.settle()

    def pause_scenario(self, scenario: str, clock: str | None) -> None:
        """Pause all journeys of a scenario, and those that begin from now on; or let them go on."""
        self.apply_inbox()
        mine = [one for one in self.open_journeys if one.plan.scenario == scenario]
        if clock is not None and scenario not in self.paused:
            self.paused[scenario] = clock
            for journey in mine:
                clocks.pause(journey, "scenario", clock, self.now)
        elif clock is None and self.paused.pop(scenario, None) is not None:
            for journey in mine:
                if clocks.resume(journey, "scenario", self.now):
                    self.release(journey)
                    self.settle()

    def cancel(self, journey: Journey) -> None:
        self.end(journey, "cancelled", "")
        self.settle()

    def retry(self, journey: Journey) -> None:
        """Let a held journey try again; one whose step is gone waits for a version that maps it."""
        journey.retry = journey.retry or (journey.status == "held" and not journey.lost)

    def has_turn(self, journey: Journey) -> bool:
        return journey.turn_no > 0 and journey.status == "running" and cause_of(self, journey) is not None

    # --- mails

    def _hand_over(self, message: Message, journey: Journey) -> None:
        if message.status != "new":
            return
        self.apply_inbox()
        if message.status != "new":  # what came in ended its journey
            return
        refusal = self._no_mail(message, journey)
        if refusal is None and message.kind == "notice" and self.mails_stopped:  # it is tried again later
            return
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
                message.status, message.reason = "failed", "refused smtp_554"
            case "no_such_address":
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
        if message.journey.status != "running":
            return self.now + _PAUSED, "paused"
        topic = self.publication.workspace.topics[message.topic or ""]
        if self.lead.sales.works and topic.caps != "exempt":
            return self.now + _WITH_SALES, "sales"
        return hold_for(self.lead, message, list(self.messages.values()), self.now)
