"""`take_turn`: everything a journey does between two waits, as one database transaction.

Only this function writes a journey's position, plan, turn number and `next`. Every timer, wake and
start leads to its one question, "may turn n be taken?", so late, lost and double wakes are harmless.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlmodel import select

from leadloop.contracts import Letter, Next, TurnReply, TurnRequest, email_queue, integrations_queue
from leadloop.inbox import waits
from leadloop.inbox.apply import Application
from leadloop.inbox.calls import find_call
from leadloop.inbox.causes import (
    FINISH,
    LOST,
    Closed,
    Retried,
    branch_taken,
    cause_of,
    describe_cause,
    due_of,
    is_in_flight,
    wants_move,
)
from leadloop.inbox.description import describe, search_attributes
from leadloop.inbox.editions import LostStepError, follow_newest, keeps_its_wait, switch_version
from leadloop.inbox.effects import apply_effect, find_message
from leadloop.inbox.experiments import decide_winner
from leadloop.inbox.holding import hold, is_held_in_a_wait, release
from leadloop.inbox.journey_facts import JourneyReader, journey_facts
from leadloop.inbox.operations.pausing import PAUSED, release_mails
from leadloop.inbox.operations.retrying import cause_again
from leadloop.inbox.operations.scenario_pauses import follow_scenario
from leadloop.inbox.restored import is_restored
from leadloop.inbox.sales_lock import settle_clock
from leadloop.journey.decide import decide
from leadloop.journey.failures import HeldCode
from leadloop.journey.state import (
    BranchTaken,
    CallFinished,
    Cause,
    Continued,
    Decision,
    JourneyState,
    MessageFinished,
    Moved,
    Started,
    Stop,
    TimedOut,
)
from leadloop.language.plan import ExperimentStep, Plan, Target
from leadloop.storage.database import announce, lock_enrolment, lock_lead
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Enrolment, EnrolmentStatus, Turn

TURNS = "turns"
"""Topic of the news that a turn was taken."""
EMAIL_PROVIDER = "smtp"
_CALL_SECONDS = 60.0
_CALL_RETRY_FIRST, _CALL_RETRY_MOST = 5.0, 3600.0
"""Seconds between tries of a call; doubled each time. The call itself gives up after a day."""
_GATE_SECONDS = 60.0
"""How soon a journey asks again while the gate is closed."""
_WAKE_SLACK = 30.0
"""Extra real seconds on timers under a warped clock, where the relay wakes due journeys."""


class TurnGapError(Exception):
    """A turn beyond head + 1 was asked for: the workflow and the database disagree."""


def take_turn(env: Environment, request: TurnRequest) -> TurnReply:
    """Take turn `turn_no` if it is due, or say what the journey waits for.

    Raises `TurnGapError` for a turn beyond head + 1, `RowMissingError` for an unknown journey.
    """
    with env.database.write() as session:
        lead_id = session.exec(select(Enrolment.lead_id).where(Enrolment.id == request.enrolment_id)).first()
        lead = lock_lead(session, lead_id or "")
        enrolment = lock_enrolment(session, request.enrolment_id)
        real_now = env.clock.at(request.now)
        if is_restored(session):  # an older copy of the database: journeys stand still until it is accepted
            return TurnReply(
                status="not_yet",
                turn_no=enrolment.turn_no,
                next=Next(kind="wait"),
                wait_seconds=_GATE_SECONDS,
            )
        if request.generation < enrolment.generation:
            return TurnReply(status="superseded", turn_no=enrolment.turn_no, next=Next(kind="end"))
        now = max(real_now, enrolment.moved_at)
        application = Application(session, env, lead, now)
        application.apply_pending()
        if request.turn_no > enrolment.turn_no + 1:
            raise TurnGapError(f"turn {request.turn_no} asked for, head is {enrolment.turn_no}")
        if request.turn_no == enrolment.turn_no + 1:
            follow_scenario(application, enrolment)
            cause = cause_of(session, enrolment, now)
            enrolment.failing_since = None  # or this transaction is undone
            if cause is None:
                return _reply(application, enrolment, "not_yet", real_now)
            _Turn(application, enrolment).take(cause, request.generation)
            return _reply(application, enrolment, "committed", real_now)
        # Taken before, by an attempt that died: the wake for what came since may be used up already.
        ready = cause_of(session, enrolment, now) is not None
        return _reply(application, enrolment, "committed", real_now, ready)


def _reply(
    application: Application, enrolment: Enrolment, status: Any, real_now: datetime, ready: bool = False
) -> TurnReply:
    """Return the head as the workflow needs it; `ready` means that the next turn may be taken now."""
    env = application.env
    following = Next.model_validate(enrolment.next) if enrolment.next else Next(kind="wait")
    seconds: float | None = None
    due_at = due_of(enrolment, following)
    if following.kind == "wait" and due_at is not None:
        seconds = max(0.0, env.clock.real_seconds(due_at - real_now))
        if env.clock.warped:
            seconds += _WAKE_SLACK
    if following.kind == "wait" and ready:
        seconds = 0.0
    if enrolment.status not in (EnrolmentStatus.RUNNING, EnrolmentStatus.ENDED):
        following, seconds = Next(kind="wait"), None  # only a wake helps; sending again would spin
    summary, details = describe(application.session, enrolment, following)
    return TurnReply(
        status=status,
        turn_no=enrolment.turn_no,
        next=following,
        wait_seconds=seconds,
        summary=summary,
        details=details,
        attributes=search_attributes(enrolment),
    )


class _Turn:
    """One turn of one journey, inside the transaction."""

    def __init__(self, application: Application, enrolment: Enrolment) -> None:
        self.application = application
        self.session = application.session
        self.enrolment = enrolment
        self.turn_no = enrolment.turn_no + 1
        application.turn_of = enrolment.id
        self.trace: list[dict[str, Any]] = []

    def take(self, cause: Cause | Closed | Retried, generation: int) -> None:
        enrolment = self.enrolment
        described = describe_cause(cause, enrolment)
        if isinstance(cause, Closed):
            following = Next(kind="end", outcome=enrolment.outcome)
        else:
            following = self._go_on(cause)
            if self.application.hold_turn is not None and enrolment.status == EnrolmentStatus.RUNNING:
                self._hold(following, self.application.hold_turn)
        enrolment.turn_no = self.turn_no
        enrolment.moved_at = self.application.now
        enrolment.next = following.model_dump(mode="json", exclude_defaults=True) | {"kind": following.kind}
        is_held = enrolment.status == EnrolmentStatus.HELD
        enrolment.due_at = None if is_held else due_of(enrolment, following)
        self.session.add(enrolment)
        if following.kind == "wait":
            settle_clock(self.application, enrolment)
        announce(self.session, TURNS)
        self.session.add(
            Turn(
                enrolment_id=enrolment.id,
                turn_no=self.turn_no,
                generation=generation,
                at=self.application.now,
                cause=described,
                trace=self.trace,
                next=enrolment.next,
            )
        )

    @property
    def plan(self) -> Plan:
        return self.application.env.publications.plan(self.enrolment.plan_digest, self.session)

    def _go_on(self, cause: Cause | Retried) -> Next:
        """Walk, in the version that the journey is to be in."""
        enrolment = self.enrolment
        shift = enrolment.clock_shift_seconds
        if enrolment.locked_at is not None:
            shift += int((self.application.now - enrolment.locked_at).total_seconds())
        enrolment.locked_at, enrolment.clock_shift_seconds, enrolment.retry = None, 0, False
        state = JourneyState.model_validate(enrolment.state)
        if isinstance(cause, Started):
            follow_newest(self.application, enrolment)
        if wants_move(enrolment) and not is_in_flight(self.session, enrolment):
            old, in_a_wait = enrolment.plan_digest, is_held_in_a_wait(self.session, enrolment)
            try:
                state, same_kind = switch_version(self.application, enrolment)
            except LostStepError as error:
                enrolment.clock_shift_seconds = shift
                return self._lost(str(error))
            self.trace.append({"step": state.step, "did": "moved", "from": old[:12], "to": self.digest})
            enrolment.state = _stored(state)
            was_held = enrolment.status == EnrolmentStatus.HELD and not in_a_wait
            release(enrolment)
            if was_held and same_kind:
                cause, state = self._again(state)
            elif was_held or not same_kind:  # what it waited for belongs to the old step
                if state.pending is None:
                    state = state.model_copy(update={"pending": Target(step=state.step)})
                cause = Continued()
            elif keeps_its_wait(self.plan, state, cause):
                taken = branch_taken(self.session, enrolment.id)
                if taken is None:
                    enrolment.clock_shift_seconds = shift
                    return Next(kind="wait", due_at=Next.model_validate(enrolment.next).due_at)
                cause = taken
            elif isinstance(cause, Moved):
                following = self._walk(cause, state)
                if enrolment.state.get("visits", {}) == state.visits:  # the same wait, worked out anew
                    enrolment.clock_shift_seconds = shift
                return following
        if isinstance(cause, Retried):
            return self._try_again(state, shift)
        return self._walk(cause, state)

    def _try_again(self, state: JourneyState, shift: int) -> Next:
        """Go on with a held journey: wait on where it waited, else try its step again."""
        enrolment, application = self.enrolment, self.application
        in_a_wait = is_held_in_a_wait(self.session, enrolment)
        release(enrolment)
        self.trace.append({"step": state.step, "did": "retried"})
        release_mails(application, enrolment.id, PAUSED)  # claims hold the mails of held journeys too
        head = Next.model_validate(enrolment.next) if enrolment.next else None
        if head is not None and head.kind in ("send", "call"):  # held before its turn was taken
            ready = cause_of(self.session, enrolment, application.now)
            return head if ready is None or isinstance(ready, Closed | Retried) else self._walk(ready, state)
        if not in_a_wait:
            return self._walk(*cause_again(self.session, enrolment, state))
        application.settle()  # looks again at the conditions of goal, exits and waits
        if enrolment.status == EnrolmentStatus.ENDED:
            self.trace.append({"did": "ended", "outcome": enrolment.outcome})
            return Next(kind="end", outcome=enrolment.outcome)
        enrolment.clock_shift_seconds = shift
        head = head or Next(kind="wait")
        taken: Cause | None = branch_taken(self.session, enrolment.id)
        due_at = due_of(enrolment, head)
        if taken is None and due_at is not None and due_at <= application.now:
            taken = TimedOut()
        if taken is None or application.hold_turn is not None:
            return Next(kind="wait", due_at=head.due_at)
        enrolment.clock_shift_seconds = 0
        return self._walk(taken, state)

    def _again(self, state: JourneyState) -> tuple[Cause, JourneyState]:
        """Return why a held journey goes on in its step: what was handed over is not asked for again."""
        ready = cause_of(self.session, self.enrolment, self.application.now)
        if isinstance(ready, MessageFinished | CallFinished):  # held before its turn was taken
            return ready, state
        return cause_again(self.session, self.enrolment, state)

    @property
    def digest(self) -> str:
        return self.enrolment.plan_digest[:12]

    def _lost(self, reason: str) -> Next:
        """Hold a journey whose step is gone, where it is; a version that maps the step lets it go on.

        Its head stays: the mail, call or wait that it names is what it then goes on from.
        """
        enrolment = self.enrolment
        enrolment.move_to = f"{LOST}{enrolment.move_to}"
        self.trace.append({"step": str(enrolment.state.get("step")), "did": "held", "reason": reason})
        following = self._stop(Stop("held", reason=reason, code=HeldCode.LOST_STEP))
        return Next.model_validate(enrolment.next) if enrolment.next else following

    def _walk(self, cause: Cause, state: JourneyState) -> Next:
        """Decide, apply effects, and go on until the journey needs the outside world or time."""
        enrolment, application, plan = self.enrolment, self.application, self.plan
        last_step = enrolment.move_to == FINISH
        walked = 0
        self._decide_experiment(cause, state)
        while True:
            facts = journey_facts(application, enrolment, plan)
            decision = decide(plan, state, facts, cause, application.now, walked, last_step)
            walked, state = decision.steps_walked, decision.state
            self.trace.extend(decision.trace)
            enrolment.state = _stored(state)
            enrolment.shielded = decision.shielded
            waits.disarm(self.session, enrolment.id)
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
                return self._stop(decision.stop)
            taken = self._wait(decision)
            if taken is None:
                return Next(kind="wait", due_at=decision.stop.due_at)
            cause = taken

    def _decide_experiment(self, cause: Cause, state: JourneyState) -> None:
        """Have the winner decided before those who rest go on."""
        step = self.plan.steps.get(state.step)
        if isinstance(step, ExperimentStep) and isinstance(cause, TimedOut):
            decide_winner(self.application, self.enrolment, self.plan, step)

    def _hold(self, following: Next, reason: str) -> None:
        """Hold the journey in its wait where a condition on it failed in this turn."""
        if following.kind == "wait":
            self.trace.append(
                {"step": str(self.enrolment.state.get("step")), "did": "held", "reason": reason}
            )
            hold(self.enrolment, HeldCode.CONDITION_FAILED, reason)

    def _wait(self, decision: Decision) -> BranchTaken | None:
        """Arm the waits; return the branch that was satisfied already, if any."""
        stop = decision.stop
        reader = JourneyReader(self.application, self.enrolment)
        waits.arm_waits(self.session, self.enrolment, self.turn_no, stop.arms, reader)
        return branch_taken(self.session, self.enrolment.id)

    def _stop(self, stop: Stop) -> Next:
        enrolment, application = self.enrolment, self.application
        if stop.kind == "send":
            message = find_message(self.session, stop.send_key or "")
            if message is None:
                raise LookupError("a turn asked for a message it did not write")
            workspace = application.publication.workspace.name
            return Next(
                kind="send",
                message_id=message.id,
                letter=Letter(
                    send_key=message.send_key,
                    kind=message.kind,
                    step_id=message.step_id,
                    visit=message.visit,
                    topic=message.topic,
                    template=message.template,
                ),
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


def _stored(state: JourneyState) -> dict[str, Any]:
    return state.model_dump(mode="json", exclude_defaults=True) | {"step": state.step}
