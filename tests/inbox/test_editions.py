"""New versions and the people in flight: they stay, move, finish or leave, as `on_edit` says."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlmodel import col, select

from leadloop.contracts import TurnRequest
from leadloop.inbox.operations.commands import retry_journey
from leadloop.inbox.operations.log import Caller
from leadloop.inbox.turns.editions import apply_edition, run_editions
from leadloop.inbox.turns.failing_turns import note_failed_turn
from leadloop.language import plan as p
from leadloop.sales import commands
from leadloop.storage.environment import Environment
from leadloop.storage.publications import publish
from leadloop.storage.tables import (
    Enrolment,
    EnrolmentStatus,
    Lead,
    Message,
    MessageStatus,
    Setting,
    Task,
    TaskStatus,
    Turn,
)
from tests.factories import NOW, make_publication
from tests.inbox.driver import mails, mark_sent, report, settle, turn
from tests.inbox.played import END, enter, environment, plan_of, rest, row_of


def edit(env: Environment, plan: p.Plan, what: str = "move", **steps: str) -> dict[str, int]:
    """Publish a new version; return what it says about people in flight."""
    plan = plan.model_copy(update={"on_edit": p.OnEdit(default=what, steps=steps)})
    with env.database.write() as session:
        old = env.publications.current(session)
        publish(
            session, make_publication(plans={"play": plan}), "tests", env.clock.now() + timedelta(seconds=1)
        )
        return apply_edition(session, env, old, env.publications.current(session), env.clock.now())


def tell(env: Environment) -> int:
    told = 0
    while number := run_editions(env, limit=2):
        told += number
    settle(env)
    return told


def digest_of(env: Environment) -> str:
    return env.publications.current().parts["plan:play"]


def notes(env: Environment) -> list[Setting]:
    with env.database.read() as session:
        return list(session.exec(select(Setting).where(col(Setting.key).startswith("edition:"))).all())


def advance(env: Environment, **units: float) -> None:
    env.clock.advance(**units)  # type: ignore[attr-defined]
    settle(env)


def in_flight(tmp_path: Path, *steps: Any) -> tuple[Environment, str]:
    env = environment(tmp_path, plan_of(*steps))
    journey = enter(env, opt_in=True)
    settle(env)
    return env, journey.id


def test_stay_leaves_people_on_their_version(tmp_path: Path) -> None:
    env, journey_id = in_flight(tmp_path, rest(days=10))
    before = row_of(env, journey_id).plan_digest
    assert edit(env, plan_of(rest(days=20)), "stay") == {}
    assert tell(env) == 0
    advance(env, days=10)
    journey = row_of(env, journey_id)
    assert (journey.plan_digest, journey.outcome) == (before, p.COMPLETED)


def test_move_waits_by_the_new_version_from_the_arrival(tmp_path: Path) -> None:
    env, journey_id = in_flight(tmp_path, rest(days=10))
    advance(env, days=4)
    assert edit(env, plan_of(rest(days=20))) == {"move": 1}
    assert tell(env) == 1
    journey = row_of(env, journey_id)
    assert (journey.plan_digest, journey.move_to) == (digest_of(env), None)
    assert journey.publication_id == env.publications.current().id
    assert journey.due_at == NOW + timedelta(days=20)
    with env.database.read() as session:
        turns = session.exec(select(Turn).order_by(col(Turn.turn_no))).all()
    assert turns[-1].cause == {"kind": "moved"}
    assert notes(env) == []


def test_move_to_a_shorter_wait_that_is_over_goes_on_at_once(tmp_path: Path) -> None:
    env, journey_id = in_flight(tmp_path, rest(days=10))
    advance(env, days=4)
    edit(env, plan_of(rest(days=3)))
    tell(env)
    assert row_of(env, journey_id).outcome == p.COMPLETED


def test_move_maps_a_renamed_step_and_its_mails(tmp_path: Path) -> None:
    def version(send: str, wait: str) -> p.Plan:
        return plan_of(
            p.SendStep(id=send, template="case", topic="nurture", on_skip=END, on_fail=END),
            p.AwaitStep(
                id=wait,
                branches=(
                    p.Branch(match=p.EventMatch(event="email_clicked", of=(send,)), go=p.Target(exit=wait)),
                ),
                timeout=p.WaitSpec(span=p.Span(amount=5, unit="days")),
                on_timeout=END,
            ),
        )

    env = environment(tmp_path, version("mail", "read"))
    journey_id = enter(env, opt_in=True).id
    settle(env)
    edit(env, version("letter", "looked"), mail="letter", read="looked")
    tell(env)
    report(env, "email_clicked", message_id=mails(env)[0].id, lead_id=row_of(env, journey_id).lead_id,
           source="tracking")  # fmt: skip
    settle(env)
    assert row_of(env, journey_id).outcome == "looked"
    assert len(mails(env)) == 1


def test_steps_may_swap_their_names(tmp_path: Path) -> None:
    def version(first: str, second: str) -> p.Plan:
        sends = [
            p.SendStep(id=name, template="case", topic="service", on_skip=END, on_fail=END)
            for name in (first, second)
        ]
        return plan_of(*sends, rest(days=10))

    env = environment(tmp_path, version("one", "two"))
    enter(env)
    settle(env)
    first, second = (one.id for one in mails(env))
    edit(env, version("two", "one"), one="two", two="one")
    tell(env)
    assert {one.id: one.step_id for one in mails(env)} == {first: "two", second: "one"}


def test_move_waits_until_a_mail_in_flight_is_handed_over(tmp_path: Path) -> None:
    send = p.SendStep(id="mail", template="case", topic="nurture", on_skip=END, on_fail=END)
    env = environment(tmp_path, plan_of(send, rest(days=10)))
    journey_id = enter(env, opt_in=True).id
    settle(env, deliver=lambda *_: None)
    before = row_of(env, journey_id).plan_digest
    edit(env, plan_of(send, p.TagStep(id="new", tags=("vip",)), rest(days=20)))
    while run_editions(env):
        pass
    settle(env, deliver=lambda *_: None)
    assert row_of(env, journey_id).plan_digest == before
    settle(env)
    journey = row_of(env, journey_id)
    assert (journey.plan_digest, journey.state["visits"]["new"]) == (digest_of(env), 1)
    assert len(mails(env)) == 1


def test_move_keeps_an_open_task(tmp_path: Path) -> None:
    task = p.TaskStep(
        id="call", type="call", to="inside-sales", due=p.Span(amount=1, unit="days"),
        outcomes=("connected",), on={"connected": p.Target(exit="old")},
    )  # fmt: skip
    env, journey_id = in_flight(tmp_path, task)
    edit(env, plan_of(task.model_copy(update={"id": "phone", "on": {"connected": p.Target(exit="new")}})),
         call="phone")  # fmt: skip
    tell(env)
    with env.database.read() as session:
        row = session.exec(select(Task)).one()
    assert row.status == TaskStatus.OPEN
    commands.finish_task(env, row.id, "connected")
    settle(env)
    assert row_of(env, journey_id).outcome == "new"


def test_move_to_a_step_of_another_kind_takes_back_what_is_open(tmp_path: Path) -> None:
    task = p.TaskStep(
        id="call", type="call", to="inside-sales", due=p.Span(amount=1, unit="days"),
        outcomes=("connected",), on={"connected": END},
    )  # fmt: skip
    env, journey_id = in_flight(tmp_path, task)
    edit(env, plan_of(rest(days=3)), call="rest")
    tell(env)
    with env.database.read() as session:
        assert session.exec(select(Task)).one().status == TaskStatus.WITHDRAWN
    assert row_of(env, journey_id).due_at == NOW + timedelta(days=3)


def test_move_without_the_step_holds_the_journey_until_a_version_maps_it(tmp_path: Path) -> None:
    env, journey_id = in_flight(tmp_path, rest("old", days=10))
    before = row_of(env, journey_id).plan_digest
    edit(env, plan_of(rest("new", days=10)))
    tell(env)
    journey = row_of(env, journey_id)
    assert (journey.status, journey.plan_digest) == (EnrolmentStatus.HELD, before)
    assert "`old`" in (journey.held_reason or "")
    assert journey.held_code == "lost_step"
    edit(env, plan_of(rest("new", days=11)), old="new")
    tell(env)
    journey = row_of(env, journey_id)
    assert (journey.status, journey.state["step"]) == (EnrolmentStatus.RUNNING, "new")


def stands_on_a_mail(tmp_path: Path) -> tuple[Environment, str, str]:
    """Return an environment, a journey whose mail was asked for, and that mail."""
    env = environment(tmp_path, plan_of(letter("mail"), rest(days=10)))
    journey_id = enter(env, opt_in=True).id
    turn(env, journey_id, 1)
    return env, journey_id, mails(env)[0].id


def letter(step_id: str) -> p.SendStep:
    return p.SendStep(id=step_id, template="case", topic="nurture", on_skip=END, on_fail=END)


def fail_for_an_hour(env: Environment, journey_id: str) -> None:
    for _ in range(2):
        request = TurnRequest(enrolment_id=journey_id, generation=1, turn_no=2, now=env.clock.now())
        note_failed_turn(env, request, "KeyError")
        env.clock.advance(hours=1)  # type: ignore[attr-defined]
    assert row_of(env, journey_id).status == EnrolmentStatus.HELD


def test_move_of_a_held_journey_does_not_send_its_mail_again(tmp_path: Path) -> None:
    env, journey_id, mail = stands_on_a_mail(tmp_path)
    mark_sent(env, mail)
    fail_for_an_hour(env, journey_id)
    edit(env, plan_of(letter("mail"), rest(days=20)))
    tell(env)
    journey = row_of(env, journey_id)
    assert (journey.plan_digest, journey.state["step"]) == (digest_of(env), "rest")
    assert len(mails(env)) == 1


def test_move_of_a_held_journey_waits_for_its_mail_in_flight(tmp_path: Path) -> None:
    env, journey_id, mail = stands_on_a_mail(tmp_path)
    before = row_of(env, journey_id).plan_digest
    set_status(env, mail, MessageStatus.SENDING)
    fail_for_an_hour(env, journey_id)
    edit(env, plan_of(letter("mail"), rest(days=20)))
    tell(env)
    assert row_of(env, journey_id).plan_digest == before
    retry_journey(env, journey_id, Caller("tests"))  # asks for the mail again; still no move
    tell(env)
    journey = row_of(env, journey_id)
    assert (journey.plan_digest, journey.next["kind"], len(mails(env))) == (before, "send", 1)
    set_status(env, mail, MessageStatus.UNCERTAIN)
    tell(env)
    assert row_of(env, journey_id).plan_digest == digest_of(env)
    assert len(mails(env)) == 1


def test_a_lost_step_that_is_mapped_later_does_not_send_its_mail_again(tmp_path: Path) -> None:
    env, journey_id, _ = stands_on_a_mail(tmp_path)
    edit(env, plan_of(rest(days=20)))
    tell(env)
    assert row_of(env, journey_id).status == EnrolmentStatus.HELD
    edit(env, plan_of(letter("letter"), rest(days=20)), mail="letter")
    tell(env)
    assert row_of(env, journey_id).state["step"] == "rest"
    assert [one.step_id for one in mails(env)] == ["letter"]


def test_a_lost_wait_that_is_mapped_later_counts_from_the_arrival(tmp_path: Path) -> None:
    env, journey_id = in_flight(tmp_path, rest("old", days=10))
    advance(env, days=4)
    edit(env, plan_of(rest("new", days=10)))
    tell(env)
    journey = row_of(env, journey_id)
    assert (journey.status, journey.due_at) == (EnrolmentStatus.HELD, None)
    edit(env, plan_of(rest("new", days=11)), old="new")
    tell(env)
    assert row_of(env, journey_id).due_at == NOW + timedelta(days=11)


def set_status(env: Environment, message_id: str, status: MessageStatus) -> None:
    with env.database.write() as session:
        message = session.get_one(Message, message_id)
        message.status = status
        session.add(message)


def test_move_mends_a_journey_that_a_broken_condition_holds(tmp_path: Path) -> None:
    broken = p.Expression(
        source="1 / (lead.employees - lead.employees) > 0", variables={"lead.employees": "int"}
    )
    sound = p.Expression(source="lead.employees > 0", variables={"lead.employees": "int"})
    step = p.IfStep(id="if", condition=broken, then=p.Target(exit="yes"), otherwise=p.Target(exit="no"))
    env = environment(tmp_path, plan_of(step))
    journey_id = enter(env, fields={"employees": 10}).id
    settle(env)
    assert row_of(env, journey_id).status == EnrolmentStatus.HELD
    edit(env, plan_of(step.model_copy(update={"condition": sound})))
    tell(env)
    assert row_of(env, journey_id).outcome == "yes"


def test_finish_ends_the_journey_after_its_present_step(tmp_path: Path) -> None:
    env, journey_id = in_flight(tmp_path, rest(days=10), p.TagStep(id="tag", tags=("vip",)), rest("more"))
    assert edit(env, plan_of(rest(days=20)), "finish") == {"finish": 1}
    tell(env)
    assert row_of(env, journey_id).due_at == NOW + timedelta(days=10)
    advance(env, days=10)
    journey = row_of(env, journey_id)
    assert journey.outcome == "edited"
    assert "tag" not in journey.state["visits"]


def test_exit_ends_the_journey_now(tmp_path: Path) -> None:
    env, journey_id = in_flight(tmp_path, rest(days=10))
    assert edit(env, plan_of(rest(days=20)), "exit") == {"exit": 1}
    tell(env)
    journey = row_of(env, journey_id)
    assert (journey.outcome, journey.next["kind"]) == ("edited", "end")


def test_exit_skips_a_held_mail(tmp_path: Path) -> None:
    send = p.SendStep(id="mail", template="case", topic="nurture", on_skip=END, on_fail=END)
    env = environment(tmp_path, plan_of(send))
    enter(env, opt_in=True)
    settle(env, deliver=lambda *_: None)
    edit(env, plan_of(send, rest()), "exit")
    tell(env)
    assert [one.status for one in mails(env)] == [MessageStatus.SKIPPED]


def test_many_people_are_told_in_batches(tmp_path: Path) -> None:
    env = environment(tmp_path, plan_of(rest(days=10)))
    people = [enter(env).id for _ in range(5)]
    settle(env)
    assert edit(env, plan_of(rest(days=20))) == {"move": 5}
    assert run_editions(env, limit=2) == 2
    assert len(notes(env)) == 1
    assert tell(env) == 3
    assert {row_of(env, one).plan_digest for one in people} == {digest_of(env)}


def test_newest_version_decides_where_two_are_pending(tmp_path: Path) -> None:
    env, journey_id = in_flight(tmp_path, rest(days=10))
    edit(env, plan_of(rest(days=20)))
    env.clock.advance(minutes=1)  # type: ignore[attr-defined]
    edit(env, plan_of(rest(days=30)))
    tell(env)
    assert row_of(env, journey_id).due_at == NOW + timedelta(days=30)
    assert notes(env) == []


def test_edition_of_nobody_is_not_noted(tmp_path: Path) -> None:
    env = environment(tmp_path, plan_of(rest(days=10)))
    assert edit(env, plan_of(rest(days=20))) == {}
    assert notes(env) == []


def test_same_version_again_concerns_nobody(tmp_path: Path) -> None:
    env, _ = in_flight(tmp_path, rest(days=10))
    changed = plan_of(rest(days=20))
    edit(env, changed, "move")
    tell(env)
    assert edit(env, changed, "move") == {}


def test_newer_version_that_lets_people_stay_ends_the_wish_of_the_older_one(tmp_path: Path) -> None:
    """Otherwise the older wish would put people of the newest version back on the older one."""
    env, first_id = in_flight(tmp_path, rest(days=10))
    before = row_of(env, first_id).plan_digest
    edit(env, plan_of(rest(days=20)), "move")
    env.clock.advance(seconds=5)  # type: ignore[attr-defined]
    edit(env, plan_of(rest(days=30)), "stay")
    assert notes(env) == []
    newest_id = enter(env).id
    assert tell(env) == 0
    assert row_of(env, first_id).plan_digest == before
    assert row_of(env, newest_id).plan_digest == digest_of(env)


def test_exit_reaches_people_who_were_told_to_finish_their_step(tmp_path: Path) -> None:
    env, journey_id = in_flight(tmp_path, rest(days=10))
    edit(env, plan_of(rest(days=20)), "finish")
    assert tell(env) == 1
    assert row_of(env, journey_id).move_to == "finish"
    env.clock.advance(seconds=5)  # type: ignore[attr-defined]
    edit(env, plan_of(rest(days=30)), "exit")
    assert tell(env) == 1
    assert row_of(env, journey_id).outcome == "edited"
    assert notes(env) == []


def test_time_that_a_wait_stood_still_is_not_added_to_another_wait(tmp_path: Path) -> None:
    """The new version's wait is over on arrival; the next one begins in this very turn."""
    env, journey_id = in_flight(tmp_path, rest(days=10))
    with env.database.write() as session:
        journey = session.get_one(Enrolment, journey_id)
        lead = session.get_one(Lead, journey.lead_id)
        journey.clock_shift_seconds = 2 * 86400
        lead.fields = {"purchase_timing": "2026-11-01"}
    dated = p.WaitStep(
        id="rest", wait=p.WaitSpec(until=p.Until(fact="lead.purchase_timing")), next=p.Target(step="then")
    )
    edit(env, plan_of(dated, rest("then", days=5)))
    tell(env)
    journey = row_of(env, journey_id)
    assert (journey.state["step"], journey.clock_shift_seconds) == ("then", 0)
    assert journey.due_at == NOW + timedelta(days=5)


def test_time_that_a_wait_stood_still_stays_with_it(tmp_path: Path) -> None:
    env, journey_id = in_flight(tmp_path, rest(days=10))
    with env.database.write() as session:
        session.get_one(Enrolment, journey_id).clock_shift_seconds = 2 * 86400
    edit(env, plan_of(rest(days=20)))
    tell(env)
    assert row_of(env, journey_id).due_at == NOW + timedelta(days=22)


def test_journeys_whose_step_is_gone_are_told_once_by_each_version(tmp_path: Path) -> None:
    """Taking their turns between two batches, the loop must come to rest, and the next version reach them."""
    env = environment(tmp_path, plan_of(rest("old", days=10)))
    people = [enter(env).id for _ in range(2)]
    settle(env)
    for number in (1, 2):
        env.clock.advance(minutes=1)  # type: ignore[attr-defined]
        edit(env, plan_of(rest("new", days=20 + number)))
        for told in (1, 1, 0):
            assert run_editions(env, limit=1) == told
            settle(env)
        assert notes(env) == []
        for journey in (row_of(env, one) for one in people):
            assert (journey.status, journey.turn_no) == (EnrolmentStatus.HELD, 1 + number)
    env.clock.advance(minutes=1)  # type: ignore[attr-defined]
    edit(env, plan_of(rest("new", days=30)), "move", old="new")
    assert tell(env) == 2
    for journey in (row_of(env, one) for one in people):
        assert (journey.status, journey.state["step"]) == (EnrolmentStatus.RUNNING, "new")


def test_name_that_another_step_takes_over_gives_it_tasks_of_its_own(tmp_path: Path) -> None:
    """A renamed step keeps its old key for the visit it is in, not for the next ones."""

    def call(step: str, then: str) -> p.TaskStep:
        return p.TaskStep(
            id=step, type="call", to="inside-sales", due=p.Span(amount=1, unit="days"),
            outcomes=("connected",), on={"connected": p.Target(step=then)},
        )  # fmt: skip

    env, _ = in_flight(tmp_path, call("a", "a"))
    edit(env, plan_of(call("b", "a"), call("a", "b")), a="b")
    tell(env)
    for _ in range(3):
        with env.database.read() as session:
            (row,) = session.exec(select(Task).where(Task.status == TaskStatus.OPEN)).all()
        commands.finish_task(env, row.id, "connected")
        settle(env)
    with env.database.read() as session:
        tasks = session.exec(select(Task).order_by(col(Task.id))).all()
    assert [one.step_id for one in tasks] == ["a", "a", "b", "a"]
    assert [one.status for one in tasks] == [TaskStatus.DONE] * 3 + [TaskStatus.OPEN]
