"""The checker finds what it is there for: each invariant is broken on purpose once.

`test_checker_covers_every_invariant` holds the list together: a planted violation for each of I1 to
I10, so that no check can pass by looking at nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import pytest
from sqlalchemy import text
from sqlmodel import Session, SQLModel, select

from leadloop.inbox.ingestion.ingest import IncomingEvent, ingest
from leadloop.storage.environment import Environment
from leadloop.storage.tables import (
    Call,
    CallStatus,
    Enrolment,
    EnrolmentStatus,
    Event,
    Message,
    MessageStatus,
    Offer,
    ScoreEntry,
    Turn,
)
from tests.factories import NOW, ManualClock, make_score_entry
from tests.faults.checker import Answer, Observed, Refused, answer_of, violations
from tests.faults.replayed import replay_paths
from tests.inbox.driver import journeys, mails, report, settle

CANARY = "山田花子カナリア"

_Row = TypeVar("_Row", bound=SQLModel)


@pytest.fixture
def seen(env: Environment, clock: ManualClock, tmp_path: Path) -> Observed:
    """Two leads went through a nurture and one of them to sales: all invariants hold."""
    answers = []
    for number, name in enumerate(("hanako", "taro")):
        item = IncomingEvent(
            "form_submitted",
            properties={"form": "whitepaper"},
            email=f"{name}@kaisha.example",
            identity={"family_name": CANARY, "consent": True},
            external_id=f"form-{number}",
            source="form",
            trust="verified",
        )
        with env.database.write() as session:
            answers.append(answer_of(ingest(session, env, [item])[0], item.external_id, "form"))
    settle(env)
    clock.advance(minutes=5)
    first = mails(env)[0]
    report(env, "email_clicked", lead_id=first.lead_id, message_id=first.id, source="tracking")
    settle(env)
    report(
        env, "form_submitted", lead_id=first.lead_id, properties={"form": "contact"}, source="form",
        trust="verified",
    )  # fmt: skip
    settle(env)
    clock.advance(days=6)
    settle(env)
    delivered = Counter(row.id for row in _all(env, Message) if row.status == MessageStatus.SENT)
    return Observed(
        env,
        answers=answers,
        mails=delivered,
        calls=[],
        texts={"log": "enrolment 1 went on"},
        canaries=[CANARY],
        entered=len(journeys(env)),
    )


def _all(env: Environment, kind: type[_Row]) -> list[_Row]:
    with env.database.read() as session:
        return list(session.exec(select(kind)).all())


def test_checker_passes_a_run_without_faults(seen: Observed) -> None:
    assert violations(seen) == []
    assert len(_all(seen.env, Enrolment)) >= 3
    assert len(_all(seen.env, Offer)) == 1


def test_checker_plays_the_turns_again(seen: Observed) -> None:
    replay = replay_paths(seen.env)
    assert replay.problems == []
    assert replay.turns >= 8


# --- one way to break each invariant -------------------------------------------------------------


def _lose_an_event(seen: Observed) -> Observed:
    with seen.env.database.write() as session:
        session.execute(text("DELETE FROM event WHERE id = :id"), {"id": seen.answers[0].event_id})
    return seen


def _count_an_id_twice(seen: Observed) -> Observed:
    other = _all(seen.env, Event)[-1].id
    return replace(seen, answers=[*seen.answers, replace(seen.answers[0], event_id=other)])


def _forget_to_apply(seen: Observed) -> Observed:
    with seen.env.database.write() as session:
        event = session.get_one(Event, seen.answers[0].event_id)
        event.applied_at = None
        session.add(event)
    return seen


def _deliver_twice(seen: Observed) -> Observed:
    return replace(seen, mails={**(seen.mails or {}), next(iter(seen.mails or {})): 2})


def _deliver_the_same_visit(seen: Observed) -> Observed:
    with seen.env.database.write() as session:
        first = session.get_one(Message, next(iter(seen.mails or {})))
        second = Message(**first.model_dump(exclude={"id", "send_key"}), send_key="another")
        session.add(second)
        session.flush()
        return replace(seen, mails={**(seen.mails or {}), second.id: 1})


def _say_sent_without_delivery(seen: Observed) -> Observed:
    return replace(seen, mails={})


def _leave_a_mail_behind(seen: Observed) -> Observed:
    with seen.env.database.write() as session:
        message = session.get_one(Message, next(iter(seen.mails or {})))
        message.status = MessageStatus.SENDING
        session.add(message)
    return seen


def _mail_after_a_refusal(seen: Observed) -> Observed:
    mail = mails(seen.env)[-1]
    return replace(seen, refusals=[Refused(mail.lead_id, NOW - timedelta(days=1), "nurture"), _early(mail)])


def _early(mail: Message) -> Refused:
    return Refused(mail.lead_id, NOW - timedelta(days=1))


def _score_without_ledger(seen: Observed) -> Observed:
    with seen.env.database.write() as session:
        entry = session.exec(select(ScoreEntry)).first()
        assert entry is not None
        entry.points += 7
        session.add(entry)
    return seen


def _points_twice(seen: Observed) -> Observed:
    with seen.env.database.write() as session:
        entry = session.exec(select(ScoreEntry)).first()
        assert entry is not None
        make_score_entry(
            session, _lead(session, entry.lead_id), rule_id=entry.rule_id, points=0, event_id=entry.event_id
        )
    return seen


def _lead(session: Session, lead_id: str):  # type: ignore[no-untyped-def]
    from leadloop.storage.tables import Lead

    return session.get_one(Lead, lead_id)


def _offer_twice(seen: Observed) -> Observed:
    with seen.env.database.write() as session:
        offer = session.exec(select(Offer)).one()
        session.add(Offer(**offer.model_dump(exclude={"id", "offer_key"}), offer_key="another"))
    return seen


def _call_twice_for_a_visit(seen: Observed) -> Observed:
    with seen.env.database.write() as session:
        row = session.exec(select(Enrolment)).first()
        assert row is not None
        for key in ("one", "two"):
            session.add(
                Call(
                    call_key=key, kind="webhook", enrolment_id=row.id, publication_id=row.publication_id,
                    step_id="crm", visit=1, lead_id=row.lead_id, scenario=row.scenario, to="crm",
                    status=CallStatus.DONE, created_at=NOW, done_at=NOW,
                )
            )  # fmt: skip
    return replace(seen, calls=[("one", b"{}"), ("two", b"{}")])


def _lose_a_journey(seen: Observed) -> Observed:
    return replace(seen, entered=(seen.entered or 0) + 1)


def _end_without_outcome(seen: Observed) -> Observed:
    with seen.env.database.write() as session:
        row = session.exec(select(Enrolment).where(Enrolment.status == EnrolmentStatus.ENDED)).first()
        assert row is not None
        row.outcome = None
        session.add(row)
    return seen


def _walk_elsewhere(seen: Observed) -> Observed:
    with seen.env.database.write() as session:
        turn = next(row for row in session.exec(select(Turn)).all() if row.trace and row.turn_no > 1)
        turn.trace = [{"step": "case", "did": "sent"}, {"step": "thanks", "did": "sent"}]
        session.add(turn)
    return seen


def _print_a_name(seen: Observed) -> Observed:
    return replace(seen, texts={"log": "hello", "history of journey-1": f"failed for {CANARY}"})


def _fail_without_reason(seen: Observed) -> Observed:
    with seen.env.database.write() as session:
        message = session.get_one(Message, next(iter(seen.mails or {})))
        message.status, message.reason = MessageStatus.UNCERTAIN, None
        session.add(message)
    return seen


def _refuse_without_problem(seen: Observed) -> Observed:
    return replace(seen, answers=[*seen.answers, Answer("invalid")])


PLANTED: list[tuple[str, Callable[[Observed], Observed]]] = [
    ("I1", _lose_an_event),
    ("I1", _count_an_id_twice),
    ("I1", _forget_to_apply),
    ("I2", _deliver_twice),
    ("I2", _deliver_the_same_visit),
    ("I2", _say_sent_without_delivery),
    ("I3", _leave_a_mail_behind),
    ("I4", _mail_after_a_refusal),
    ("I5", _score_without_ledger),
    ("I5", _points_twice),
    ("I6", _offer_twice),
    ("I6", _call_twice_for_a_visit),
    ("I7", _lose_a_journey),
    ("I7", _end_without_outcome),
    ("I8", _walk_elsewhere),
    ("I9", _print_a_name),
    ("I10", _fail_without_reason),
    ("I10", _refuse_without_problem),
]


@pytest.mark.parametrize(("invariant", "plant"), PLANTED, ids=[f"{i}{p.__name__}" for i, p in PLANTED])
def test_checker_finds_a_planted_violation(
    seen: Observed, invariant: str, plant: Callable[[Observed], Observed]
) -> None:
    found = violations(plant(seen))
    assert invariant in {line.split(":")[0] for line in found}, found


def test_checker_repeats_no_personal_value(seen: Observed) -> None:
    assert not any(CANARY in line for line in violations(_print_a_name(seen)))


def test_checker_covers_every_invariant() -> None:
    assert {invariant for invariant, _ in PLANTED} == {f"I{number}" for number in range(1, 11)}
