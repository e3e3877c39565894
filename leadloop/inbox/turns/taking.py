"""Taking one turn, inside its transaction: in which version the journey goes on, and what is written."""

from __future__ import annotations

from leadloop.contracts import Next
from leadloop.inbox import waits
from leadloop.inbox.holding import is_held_in_a_wait, release
from leadloop.inbox.operations.pausing import PAUSED, release_mails
from leadloop.inbox.operations.retrying import cause_again, reopen_call
from leadloop.inbox.sales_lock import settle_clock
from leadloop.inbox.turns.causes import (
    LOST,
    Closed,
    Retried,
    cause_of,
    describe_cause,
    due_of,
    is_in_flight,
    wants_move,
)
from leadloop.inbox.turns.editions import LostStepError, follow_newest, keeps_its_wait, switch_version
from leadloop.inbox.turns.walking import Walking, stored
from leadloop.journey.failures import HeldCode
from leadloop.journey.state import (
    CallFinished,
    Cause,
    Continued,
    JourneyState,
    MessageFinished,
    Moved,
    Started,
    Stop,
    TimedOut,
)
from leadloop.language.plan import Target
from leadloop.storage.database import announce
from leadloop.storage.inserting import insert_rows
from leadloop.storage.tables import EnrolmentStatus, Turn

TURNS = "turns"
"""Topic of the news that a turn was taken."""


class Taking(Walking):
    """A turn that may be taken."""

    def take(self, cause: Cause | Closed | Retried, generation: int) -> None:
        """Take it: effects, position, `next` and what it did are written together."""
        enrolment = self.enrolment
        described = describe_cause(cause, enrolment)
        if isinstance(cause, Closed):
            following = Next(kind="end", outcome=enrolment.outcome)
        else:
            following = self._go_on(cause)
            if self.application.hold_turn is not None and enrolment.status == EnrolmentStatus.RUNNING:
                self.hold_in_its_wait(following, self.application.hold_turn)
        self.keep()
        enrolment.turn_no = self.turn_no
        enrolment.moved_at = self.application.now
        enrolment.next = following.model_dump(mode="json", exclude_defaults=True) | {"kind": following.kind}
        is_held = enrolment.status == EnrolmentStatus.HELD
        enrolment.due_at = None if is_held else due_of(enrolment, following)
        self.session.add(enrolment)
        if following.kind == "wait":
            settle_clock(self.application, enrolment)
        announce(self.session, TURNS)
        row = {
            "enrolment_id": enrolment.id,
            "turn_no": self.turn_no,
            "generation": generation,
            "at": self.application.now,
            "cause": described,
            "trace": self.trace,
            "next": enrolment.next,
        }
        insert_rows(self.session, Turn, [row])

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
            enrolment.state = stored(state)
            was_held = enrolment.status == EnrolmentStatus.HELD and not in_a_wait
            release(enrolment)
            if was_held and same_kind:
                called = self._call_again(state)
                if called is not None:
                    return called
                cause, state = self._again(state)
            elif was_held or not same_kind:  # what it waited for belongs to the old step
                if state.pending is None:
                    state = state.model_copy(update={"pending": Target(step=state.step)})
                cause = Continued()
            elif keeps_its_wait(self.plan, state, cause):
                taken = waits.satisfied(self.session, enrolment.id)
                if taken is None:
                    enrolment.clock_shift_seconds = shift
                    return Next(kind="wait", due_at=Next.model_validate(enrolment.next).due_at)
                cause = taken
            elif isinstance(cause, Moved):
                following = self.walk(cause, state)
                if enrolment.state.get("visits", {}) == state.visits:  # the same wait, worked out anew
                    enrolment.clock_shift_seconds = shift
                return following
        if isinstance(cause, Retried):
            return self._try_again(state, shift)
        return self.walk(cause, state)

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
            return head if ready is None or isinstance(ready, Closed | Retried) else self.walk(ready, state)
        called = self._call_again(state)
        if called is not None:
            return called
        if not in_a_wait:
            return self.walk(*cause_again(self.session, enrolment, state))
        application.settle()  # looks again at the conditions of goal, exits and waits
        if enrolment.status == EnrolmentStatus.ENDED:
            self.trace.append({"did": "ended", "outcome": enrolment.outcome})
            return Next(kind="end", outcome=enrolment.outcome)
        enrolment.clock_shift_seconds = shift
        head = head or Next(kind="wait")
        taken: Cause | None = waits.satisfied(self.session, enrolment.id)
        due_at = due_of(enrolment, head)
        if taken is None and due_at is not None and due_at <= application.now:
            taken = TimedOut()
        if taken is None or application.hold_turn is not None:
            return Next(kind="wait", due_at=head.due_at)
        enrolment.clock_shift_seconds = 0
        return self.walk(taken, state)

    def _call_again(self, state: JourneyState) -> Next | None:
        """Make the failed call again that the journey was held by, where it was."""
        if self.enrolment.next.get("kind") == "call":  # held before its turn was taken: its result counts
            return None
        call = reopen_call(self.session, self.enrolment, self.plan, state)
        if call is None:
            return None
        self._disarm()
        self.trace.append({"step": state.step, "did": "webhook", "to": call.to})
        return self.stop(Stop("call", call_key=call.call_key))

    def _again(self, state: JourneyState) -> tuple[Cause, JourneyState]:
        """Return why a held journey goes on in its step: what was handed over is not asked for again."""
        ready = cause_of(self.session, self.enrolment, self.application.now)
        if isinstance(ready, MessageFinished | CallFinished):  # held before its turn was taken
            return ready, state
        return cause_again(self.session, self.enrolment, state)

    @property
    def digest(self) -> str:
        """The version that the journey is in, shortened."""
        return self.enrolment.plan_digest[:12]

    def _lost(self, reason: str) -> Next:
        """Hold a journey whose step is gone, where it is; a version that maps the step lets it go on.

        Its head stays: the mail, call or wait that it names is what it then goes on from.
        """
        enrolment = self.enrolment
        enrolment.move_to = f"{LOST}{enrolment.move_to}"
        self.trace.append({"step": str(enrolment.state.get("step")), "did": "held", "reason": reason})
        following = self.stop(Stop("held", reason=reason, code=HeldCode.LOST_STEP))
        return Next.model_validate(enrolment.next) if enrolment.next else following
