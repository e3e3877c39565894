"""`take_turn`: everything a journey does between two waits, as one database transaction.

Only this function writes a journey's position, plan, turn number and `next`. Every timer, wake and
start leads to its one question, "may turn n be taken?", so late, lost and double wakes are harmless.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from leadloop.contracts import Next, TurnReply, TurnRequest, email_queue
from leadloop.inbox import waits
from leadloop.inbox.apply import Application
from leadloop.inbox.effects import apply_effect, find_message
from leadloop.inbox.facts import date_facts, lead_zone, run_facts
from leadloop.journey.decide import decide
from leadloop.journey.state import (
    BranchTaken,
    Cause,
    Continued,
    Decision,
    JourneyFacts,
    JourneyState,
    MessageFinished,
    Started,
    Stop,
    TimedOut,
)
from leadloop.language.plan import Plan, Stream
from leadloop.sales.deals import own_open_deals
from leadloop.storage.database import announce, lock_enrolment, lock_lead
from leadloop.storage.environment import Environment
from leadloop.storage.tables import (
    Enrolment,
    EnrolmentStatus,
    Event,
    Message,
    MessageStatus,
    Offer,
    Task,
    Turn,
)

TURNS = "turns"
"""Topic of the news that a turn was taken."""
EMAIL_PROVIDER = "smtp"
_WAKE_SLACK = 30.0
"""Extra real seconds on timers under a warped clock, where the relay wakes due journeys."""

_FINISHED = {
    MessageStatus.SENT,
    MessageStatus.HELD,
    MessageStatus.SKIPPED,
    MessageStatus.FAILED,
    MessageStatus.UNCERTAIN,
}
_HAD = (
    MessageStatus.NEW,
    MessageStatus.HELD,
    MessageStatus.SENT,
    MessageStatus.SENDING,
    MessageStatus.UNCERTAIN,
)
"""Had or about to have: another journey's mail that waits for the send window counts too."""


class TurnGapError(Exception):
    """A turn beyond head + 1 was asked for: the workflow and the database disagree."""


@dataclass(frozen=True)
class _Closed:
    """The journey was ended from outside; the turn only writes that down."""


def take_turn(env: Environment, request: TurnRequest) -> TurnReply:
    """Take turn `turn_no` if it is due, or say what the journey waits for.

    Raises `TurnGapError` for a turn beyond head + 1, `RowMissingError` for an unknown journey.
    """
    with env.database.write() as session:
        lead_id = session.exec(select(Enrolment.lead_id).where(Enrolment.id == request.enrolment_id)).first()
        lead = lock_lead(session, lead_id or "")
        enrolment = lock_enrolment(session, request.enrolment_id)
        real_now = env.clock.at(request.now)
        if request.generation < enrolment.generation:
            return TurnReply(status="superseded", turn_no=enrolment.turn_no, next=Next(kind="end"))
        now = max(real_now, enrolment.moved_at)
        application = Application(session, env, lead, now)
        application.apply_pending()
        if request.turn_no > enrolment.turn_no + 1:
            raise TurnGapError(f"turn {request.turn_no} asked for, head is {enrolment.turn_no}")
        if request.turn_no == enrolment.turn_no + 1:
            cause = _cause(session, enrolment, now)
            if cause is None:
                return _reply(env, enrolment, "not_yet", real_now)
            _Turn(application, enrolment).take(cause, request.generation)
            return _reply(env, enrolment, "committed", real_now)
        # Taken before, by an attempt that died: the wake for what came since may be used up already.
        ready = _cause(session, enrolment, now) is not None
        return _reply(env, enrolment, "committed", real_now, ready)


def _cause(session: Session, enrolment: Enrolment, now: datetime) -> Cause | _Closed | None:
    """Return why the next turn may be taken, or None while it may not."""
    if enrolment.turn_no > 0 and enrolment.next.get("kind") == "end":
        return None
    if enrolment.status == EnrolmentStatus.ENDED:
        return None if _is_in_flight(session, enrolment) else _Closed()
    if enrolment.status != EnrolmentStatus.RUNNING:
        return None
    if enrolment.turn_no == 0:
        return Started()
    head = Next.model_validate(enrolment.next)
    if head.kind == "send":
        message = session.get(Message, head.message_id)
        if message is None or message.status not in _FINISHED:
            return None
        return MessageFinished(message.status.value, message.reason, message.hold_until)
    branch = branch_taken(session, enrolment.id)
    if branch is not None:
        return branch
    return TimedOut() if head.due_at is not None and head.due_at <= now else None


def _is_in_flight(session: Session, enrolment: Enrolment) -> bool:
    """Return whether the head's message is still to be finished; only then the journey is closed."""
    message = session.get(Message, enrolment.next.get("message_id") or "")
    return message is not None and message.status not in _FINISHED


def branch_taken(session: Session, enrolment_id: str) -> BranchTaken | None:
    """Return the satisfied branch of a waiting journey, with its event."""
    row = waits.satisfied(session, enrolment_id)
    if row is None:
        return None
    if row.satisfied_by == waits.CONDITION:
        return BranchTaken(row.branch, row.satisfied_seq or 0)
    event = session.get(Event, row.satisfied_by)
    if event is None:
        return BranchTaken(row.branch, row.satisfied_seq or 0)
    return BranchTaken(row.branch, row.satisfied_seq or 0, event.type, event.id, event.properties)


def _reply(
    env: Environment, enrolment: Enrolment, status: Any, real_now: datetime, ready: bool = False
) -> TurnReply:
    """Return the head as the workflow needs it; `ready` means that the next turn may be taken now."""
    following = Next.model_validate(enrolment.next) if enrolment.next else Next(kind="wait")
    seconds: float | None = None
    if following.kind == "wait" and following.due_at is not None:
        seconds = max(0.0, env.clock.real_seconds(following.due_at - real_now))
        if env.clock.warped:
            seconds += _WAKE_SLACK
    if following.kind == "wait" and ready:
        seconds = 0.0
    if enrolment.status not in (EnrolmentStatus.RUNNING, EnrolmentStatus.ENDED):
        following, seconds = Next(kind="wait"), None  # only a wake helps; sending again would spin
    return TurnReply(status=status, turn_no=enrolment.turn_no, next=following, wait_seconds=seconds)


class _Turn:
    """One turn of one journey, inside the transaction."""

    def __init__(self, application: Application, enrolment: Enrolment) -> None:
        self.application = application
        self.session = application.session
        self.enrolment = enrolment
        self.turn_no = enrolment.turn_no + 1
        self.trace: list[dict[str, Any]] = []

    def take(self, cause: Cause | _Closed, generation: int) -> None:
        enrolment = self.enrolment
        described = _describe(cause)
        if isinstance(cause, _Closed):
            described = {"kind": "ended", "outcome": enrolment.outcome, "reason": enrolment.end_reason}
            following = Next(kind="end", outcome=enrolment.outcome)
        else:
            following = self._walk(cause)
        enrolment.turn_no = self.turn_no
        enrolment.moved_at = self.application.now
        enrolment.next = following.model_dump(mode="json", exclude_defaults=True) | {"kind": following.kind}
        enrolment.due_at = following.due_at
        self.session.add(enrolment)
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

    def _walk(self, cause: Cause) -> Next:
        """Decide, apply effects, and go on until the journey needs the outside world or time."""
        enrolment, application = self.enrolment, self.application
        plan = application.env.publications.plan(enrolment.plan_digest, self.session)
        state = JourneyState.model_validate(enrolment.state)
        walked = 0
        while True:
            facts = journey_facts(application, enrolment, plan)
            decision = decide(plan, state, facts, cause, application.now, walked)
            walked, state = decision.steps_walked, decision.state
            self.trace.extend(decision.trace)
            enrolment.state = state.model_dump(mode="json", exclude_defaults=True) | {"step": state.step}
            enrolment.shielded = decision.shielded
            waits.disarm(self.session, enrolment.id)
            for effect in decision.effects:
                apply_effect(application, enrolment, effect)
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

    def _wait(self, decision: Decision) -> BranchTaken | None:
        """Arm the waits; return the branch that was satisfied already, if any."""
        stop = decision.stop
        waits.arm_waits(self.session, self.enrolment, self.turn_no, stop.arms, self.application.facts)
        return branch_taken(self.session, self.enrolment.id)

    def _stop(self, stop: Stop) -> Next:
        enrolment, application = self.enrolment, self.application
        if stop.kind == "send":
            message = find_message(self.session, stop.send_key or "")
            if message is None:
                raise LookupError("a turn asked for a message it did not write")
            workspace = application.publication.workspace.name
            return Next(kind="send", message_id=message.id, task_queue=email_queue(workspace, EMAIL_PROVIDER))
        if stop.kind == "held":
            enrolment.status = EnrolmentStatus.HELD
            enrolment.held_reason = stop.reason
            return Next(kind="wait")
        enrolment.status = EnrolmentStatus.ENDED
        enrolment.outcome = stop.outcome
        enrolment.ended_at = application.now
        return Next(kind="end", outcome=stop.outcome)


def journey_facts(application: Application, enrolment: Enrolment, plan: Plan) -> JourneyFacts:
    """Gather what `decide` may depend on, as it is now."""
    session, publication = application.session, application.publication
    workspace = publication.workspace
    zone = lead_zone(application.lead, workspace)
    window = workspace.limits.send_window
    cause = session.get(Event, enrolment.cause_event_id) if enrolment.cause_event_id else None
    properties = cause.properties if cause else {}
    declared = workspace.events.get(cause.type, {}) if cause else {}
    values = dict(application.facts)
    values.update(run_facts(properties, declared, enrolment.entered_at, enrolment.cycle, zone))
    references: dict[str, str] = {}
    if any(step.kind in ("hand_off", "task") for step in plan.steps.values()):
        for offer_key, offer_id in session.exec(
            select(Offer.offer_key, Offer.id).where(Offer.enrolment_id == enrolment.id)
        ).all():
            references[offer_key] = offer_id
        for task_key, task_id in session.exec(
            select(Task.task_key, Task.id).where(Task.enrolment_id == enrolment.id)
        ).all():
            references[task_key] = task_id
    hands_off = any(step.kind == "hand_off" for step in plan.steps.values())
    streams: dict[str, Stream] = {}
    had: frozenset[str] = frozenset()
    if any(step.kind == "stream" for step in plan.steps.values()):
        streams = publication.streams
        had = frozenset(
            session.exec(
                select(Message.template).where(
                    Message.lead_id == application.lead.id,
                    Message.kind == "mail",
                    col(Message.status).in_(_HAD),
                )
            ).all()
        )
    return JourneyFacts(
        enrolment_id=enrolment.id,
        values=values,
        lead_seq=application.lead.last_seq,
        zone=zone,
        calendars=workspace.calendars,
        send_calendar=workspace.calendars.get(window.calendar) if window else None,
        queues=workspace.queues,
        streams=streams,
        had_templates=had,
        open_deals=own_open_deals(session, application.lead) if hands_off else 0,
        dates=date_facts("lead.", application.lead.fields, workspace.lead_fields)
        | date_facts("run.entry.", properties, declared),
        references=references,
    )


def _describe(cause: Cause | _Closed) -> dict[str, Any]:
    """Return a cause as it is stored: ids and codes, no event properties."""
    if isinstance(cause, BranchTaken):
        return {"kind": "event", "branch": cause.branch, "type": cause.event_type, "id": cause.event_id}
    if isinstance(cause, MessageFinished):
        return {"kind": "message", "status": cause.status, "reason": cause.reason}
    return {"kind": {Started: "start", TimedOut: "due"}.get(type(cause), "other")}
