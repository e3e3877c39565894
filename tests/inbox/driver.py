"""Plays the workflow's part without Temporal: takes turns that are due, hands mails over."""

from __future__ import annotations

from collections.abc import Callable

from sqlmodel import col, select

from leadloop.contracts import TurnReply, TurnRequest
from leadloop.inbox.applier import apply_once
from leadloop.inbox.ingestion.ingest import IncomingEvent, IngestResult, ingest
from leadloop.inbox.relaying.due import run_due
from leadloop.inbox.turns.turn import take_turn
from leadloop.storage.environment import Environment
from leadloop.storage.tables import (
    Call,
    CallStatus,
    Enrolment,
    EnrolmentStatus,
    Event,
    Message,
    MessageStatus,
)

Deliver = Callable[[Environment, str], None]


def report(env: Environment, event_type: str, **values: object) -> IngestResult:
    """Ingest one event; keyword `properties` and the rest of `IncomingEvent`."""
    with env.database.write() as session:
        return ingest(session, env, [IncomingEvent(event_type, **values)])[0]  # type: ignore[arg-type]


def ask_for_the_paper(env: Environment, *names: str) -> list[IngestResult]:
    """People fill the form `whitepaper`, in one request; each is accepted."""
    items = [
        IncomingEvent(
            "form_submitted",
            properties={"form": "whitepaper"},
            email=f"{name}@kaisha.example",
            identity={"family_name": "山田", "consent": True},
            source="form",
            trust="verified",
        )
        for name in names
    ]
    with env.database.write() as session:
        results = ingest(session, env, items)
    assert {one.status for one in results} == {"accepted"}
    return results


def click_all(env: Environment, *, once: bool = True) -> None:
    """Every lead whose mail `thanks` is known clicks it; without `once` each call brings new clicks."""
    with env.database.write() as session:
        rows = session.exec(select(Message).where(Message.step_id == "thanks")).all()
        clicks = [
            IncomingEvent(
                "email_clicked",
                lead_id=row.lead_id,
                message_id=row.id,
                source="tracking",
                external_id=f"click:{row.id}" if once else None,
            )
            for row in rows
        ]
        ingest(session, env, clicks)


def mark_sent(env: Environment, message_id: str) -> None:
    """Stand in for the mail server: the message was handed over."""
    with env.database.write() as session:
        message = session.get_one(Message, message_id)
        if message.status == MessageStatus.NEW:
            message.status = MessageStatus.SENT
            message.sent_at = env.clock.now()
            session.add(message)


def mark_done(env: Environment, call_id: str) -> None:
    """Stand in for the other side of a call: it answered 200."""
    with env.database.write() as session:
        call = session.get_one(Call, call_id)
        if call.status == CallStatus.NEW:
            call.status, call.code, call.done_at = CallStatus.DONE, 200, env.clock.now()
            session.add(call)


def turn(env: Environment, enrolment_id: str, turn_no: int, generation: int = 1) -> TurnReply:
    """Ask for a turn as the workflow does."""
    return take_turn(
        env,
        TurnRequest(enrolment_id=enrolment_id, generation=generation, turn_no=turn_no, now=env.clock.now()),
    )


def click(env: Environment, journey: Enrolment) -> None:
    """The lead of a journey clicks in the first mail that there is."""
    report(env, "email_clicked", lead_id=journey.lead_id, message_id=mails(env)[0].id, source="tracking")


def settle(env: Environment, deliver: Deliver = mark_sent, call: Deliver = mark_done) -> None:
    """Apply events, run what is due and take every turn that may be taken, until nothing moves."""
    for _ in range(200):
        moved = apply_once(env) + run_due(env)
        for enrolment in journeys(env):
            if enrolment.next.get("kind") == "end":
                continue
            if enrolment.next.get("kind") == "send":
                deliver(env, str(enrolment.next["message_id"]))
            if enrolment.next.get("kind") == "call":
                call(env, str(enrolment.next["call_id"]))
            reply = turn(env, enrolment.id, enrolment.turn_no + 1, enrolment.generation)
            moved += reply.status == "committed"
        if not moved:
            return
    raise AssertionError("the engine does not come to rest")


def journeys(env: Environment, scenario: str | None = None) -> list[Enrolment]:
    """Return all enrolments, oldest first."""
    with env.database.read() as session:
        rows = session.exec(select(Enrolment).order_by(col(Enrolment.id))).all()
    return [row for row in rows if scenario in (None, row.scenario)]


def running(env: Environment) -> list[Enrolment]:
    return [row for row in journeys(env) if row.status == EnrolmentStatus.RUNNING]


def mails(env: Environment, kind: str = "mail") -> list[Message]:
    with env.database.read() as session:
        return list(session.exec(select(Message).where(Message.kind == kind).order_by(col(Message.id))).all())


def calls(env: Environment) -> list[Call]:
    with env.database.read() as session:
        return list(session.exec(select(Call).order_by(col(Call.id))).all())


def events(env: Environment, event_type: str) -> list[Event]:
    with env.database.read() as session:
        return list(session.exec(select(Event).where(Event.type == event_type)).all())
