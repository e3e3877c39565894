"""A turn's walk: decide, carry out the effects, and go on until the journey needs the outside or time."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm.attributes import flag_modified, set_committed_value

from leadloop.contracts import Next, email_queue, integrations_queue
from leadloop.inbox import waits
from leadloop.inbox.apply import Application
from leadloop.inbox.calls import find_call
from leadloop.inbox.effects import apply_effect, asked_letter
from leadloop.inbox.holding import hold
from leadloop.inbox.turns.causes import FINISH
from leadloop.inbox.turns.experiments import decide_winner
from leadloop.inbox.turns.journey_facts import JourneyReader, journey_facts
from leadloop.journey.decide import decide
from leadloop.journey.failures import HeldCode
from leadloop.journey.state import (
    BranchTaken,
    Cause,
    Continued,
    Decision,
    JourneyState,
    Stop,
    TimedOut,
)
from leadloop.language.plan import ExperimentStep, Plan
from leadloop.storage.tables import Enrolment, EnrolmentStatus

EMAIL_PROVIDER = "smtp"
_CALL_SECONDS = 60.0
_CALL_RETRY_FIRST, _CALL_RETRY_MOST = 5.0, 3600.0
"""Seconds between tries of a call; doubled each time. The call itself gives up after a day."""


class Walking:
    """One turn of one journey, inside the transaction; `trace` is what it did."""

    def __init__(self, application: Application, enrolment: Enrolment) -> None:
        self.application = application
        self.session = application.session
        self.enrolment = enrolment
        self.turn_no = enrolment.turn_no + 1
        self.trace: list[dict[str, Any]] = []
        self.armed: list[str | None] | None = None
        """Event types of the waits that the turn has armed; None where it did not look at them."""
        application.turn_of = enrolment.id

    @property
    def plan(self) -> Plan:
        """The plan that the journey is in."""
        return self.application.env.publications.plan(self.enrolment.plan_digest, self.session)

    def walk(self, cause: Cause, state: JourneyState) -> Next:
        """Decide, apply effects, and go on until the journey needs the outside world or time."""
        enrolment, application, plan = self.enrolment, self.application, self.plan
        last_step = enrolment.move_to == FINISH
        walked = 0
        self._disarm()
        self._decide_experiment(cause, state)
        while True:
            facts = journey_facts(application, enrolment, plan)
            decision = decide(plan, state, facts, cause, application.now, walked, last_step)
            walked, state = decision.steps_walked, decision.state
            self.trace.extend(decision.trace)
            # On the row for whoever reads it now; written once, by `keep`.
            set_committed_value(enrolment, "state", stored(state))
            set_committed_value(enrolment, "shielded", decision.shielded)
            for effect in decision.effects:
                note = apply_effect(application, enrolment, effect)
                if note is not None:
                    self.trace.append(note)
                if enrolment.status == EnrolmentStatus.ENDED:  # what follows is no business of it any more
                    break
            if enrolment.status == EnrolmentStatus.ENDED:  # its own effect met its goal
                self.trace.append({"did": "ended", "outcome": enrolment.outcome})
                return Next(kind="end", outcome=enrolment.outcome)
            if decision.stop.kind == "again":
                cause = Continued()
                continue
            if decision.stop.kind != "wait":
                return self.stop(decision.stop)
            taken = self._wait(decision)
            if taken is None:
                return Next(kind="wait", due_at=decision.stop.due_at)
            self._disarm()
            cause = taken

    def _decide_experiment(self, cause: Cause, state: JourneyState) -> None:
        """Have the winner decided before those who rest go on."""
        step = self.plan.steps.get(state.step)
        if isinstance(step, ExperimentStep) and isinstance(cause, TimedOut):
            decide_winner(self.application, self.enrolment, self.plan, step)

    def hold_in_its_wait(self, following: Next, reason: str) -> None:
        """Hold the journey in its wait where a condition on it failed in this turn."""
        if following.kind == "wait":
            self.trace.append(
                {"step": str(self.enrolment.state.get("step")), "did": "held", "reason": reason}
            )
            hold(self.enrolment, HeldCode.CONDITION_FAILED, reason)

    def _wait(self, decision: Decision) -> BranchTaken | None:
        """Arm the waits; return the branch that was satisfied already, if any."""
        arms = decision.stop.arms
        reader = JourneyReader(self.application, self.enrolment)
        self.application.unarmed = None
        self.armed = [waits.event_type_of(arm.match) for arm in arms]
        return waits.arm_waits(self.session, self.enrolment, self.turn_no, arms, reader)

    def _disarm(self) -> None:
        """Remove what is armed: only a journey that waits has armed waits."""
        enrolment = self.enrolment
        if self.armed or (self.armed is None and enrolment.next.get("kind") == "wait"):
            waits.disarm(self.session, enrolment.id)
        self.armed = []
        self.application.unarmed = enrolment.id

    def stop(self, stop: Stop) -> Next:
        enrolment, application = self.enrolment, self.application
        if stop.kind == "send":
            message_id, letter = asked_letter(self.session, stop.send_key or "")
            workspace = application.publication.workspace.name
            return Next(
                kind="send",
                message_id=message_id,
                letter=letter,
                task_queue=email_queue(workspace, EMAIL_PROVIDER),
            )
        if stop.kind == "call":
            call = find_call(self.session, stop.call_key or "")
            if call is None:
                raise LookupError("a turn asked for a call it did not write")
            return Next(
                kind="call",
                call_id=call.id,
                task_queue=integrations_queue(application.publication.workspace.name),
                timeout_seconds=_CALL_SECONDS,
                retry_first_seconds=_CALL_RETRY_FIRST,
                retry_most_seconds=_CALL_RETRY_MOST,
            )
        if stop.kind == "held":
            hold(enrolment, stop.code, stop.reason or "")
            return Next(kind="wait")
        enrolment.status = EnrolmentStatus.ENDED
        enrolment.outcome = stop.outcome
        enrolment.ended_at = application.now
        enrolment.move_to = None
        return Next(kind="end", outcome=stop.outcome)

    def keep(self) -> None:
        """Let the position be written with the rest of the row."""
        for name in ("state", "shielded"):
            flag_modified(self.enrolment, name)


def stored(state: JourneyState) -> dict[str, Any]:
    """Return a position as it stands on the row."""
    return state.model_dump(mode="json", exclude_defaults=True) | {"step": state.step}
