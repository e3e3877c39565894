"""Notices, tasks that ask, companies handed over."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from leadloop.inbox.doctor import examine
from leadloop.inbox.erasure import erase_lead
from leadloop.language import plan as p
from leadloop.sales import commands
from leadloop.sales.commands import SalesError
from leadloop.sales.offers import company_people
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Company, Lead, Offer, OfferStatus, Task, TaskStatus
from tests.factories import NOW, make_lead
from tests.inbox.driver import calls, mails, report, settle
from tests.inbox.played import END, enter, environment, lead_of, plan_of, row_of


def task_of(env: Environment) -> Task:
    with env.database.read() as session:
        return session.exec(select(Task).order_by(Task.id.desc())).first()  # type: ignore


def offer_of(env: Environment) -> Offer:
    with env.database.read() as session:
        return session.exec(select(Offer)).one()


NOTIFY = p.NotifyStep(id="tell", to="owner", template="case")


@pytest.mark.parametrize(
    ("owner", "company_owner", "to"),
    [
        ("ito@acme.example", "kato@acme.example", "ito@acme.example"),
        (None, "kato@acme.example", "kato@acme.example"),
        (None, None, "sales@acme.example"),
    ],
)
def test_notify_goes_to_the_owner_the_companys_or_the_house(
    tmp_path: Path, owner: str | None, company_owner: str | None, to: str
) -> None:
    env = environment(tmp_path, plan_of(NOTIFY))
    company = Company(name="東都商事", owner=company_owner, created_at=NOW)
    with env.database.write() as session:
        session.add(company)
    journey = enter(env, owner=owner, company=company)
    settle(env)
    (notice,) = mails(env, "notice")
    assert (notice.to_address, notice.template, notice.topic) == (to, "case", None)
    assert row_of(env, journey.id).outcome == p.COMPLETED


def test_notify_in_the_chat_is_a_call(tmp_path: Path) -> None:
    env = environment(tmp_path, plan_of(NOTIFY.model_copy(update={"to": "slack"})))
    enter(env)
    settle(env)
    (call,) = calls(env)
    assert (call.kind, call.to, call.template) == ("chat", "slack", "case")
    assert mails(env, "notice") == []


ASK = p.TaskStep(
    id="call",
    type="call",
    to="inside-sales",
    due=p.Span(amount=15, unit="business_minutes"),
    outcomes=("connected", "absent"),
    on={"connected": p.Target(step="qualify"), "absent": p.Target(exit="absent")},
    asks=("budget_confirmed", "purchase_timing", "employees"),
    asks_date=True,
)
QUALIFY = p.IfStep(
    id="qualify",
    condition=p.Expression(
        source="lead.budget_confirmed && known(lead.purchase_timing)",
        variables={"lead.budget_confirmed": "bool", "lead.purchase_timing": "instant"},
    ),
    then=p.Target(exit="qualified"),
    otherwise=END,
)


def asked(tmp_path: Path) -> tuple[Environment, str, str]:
    """Return an environment, a journey and its open task."""
    env = environment(tmp_path, plan_of(ASK, QUALIFY))
    journey = enter(env)
    settle(env)
    return env, journey.id, task_of(env).id


def test_answers_are_on_the_lead_before_the_journey_goes_on(tmp_path: Path) -> None:
    env, journey_id, task_id = asked(tmp_path)
    answers = {"budget_confirmed": "はい", "purchase_timing": "2027年4月", "employees": ""}
    result = commands.finish_task(env, task_id, "connected", answers=answers, date="2027-04-05")
    assert (result.row.status, result.row.date) == (TaskStatus.DONE, "2027-04-05")
    settle(env)
    journey = row_of(env, journey_id)
    assert journey.outcome == "qualified"
    assert journey.state["results"]["call"] == {"outcome": "connected", "date": "2027-04-05"}
    assert lead_of(env, journey.lead_id).fields == {
        "budget_confirmed": True,
        "purchase_timing": "2027-04-01",
    }


@pytest.mark.parametrize(
    ("answers", "field"),
    [({"employees": "many"}, "employees"), ({"industry": "it"}, "industry"), ({"stage": "mql"}, "stage")],
)
def test_answers_that_do_not_fit_change_nothing(tmp_path: Path, answers: dict[str, Any], field: str) -> None:
    env, _, task_id = asked(tmp_path)
    with pytest.raises(SalesError) as refused:
        commands.finish_task(env, task_id, "connected", answers=answers)
    assert (refused.value.code, refused.value.field) == ("invalid", field)
    assert task_of(env).status == TaskStatus.OPEN


@pytest.mark.parametrize("date", ["soon", "2027-13", "2027-02-30"])
def test_task_date_is_a_day_or_a_month(tmp_path: Path, date: str) -> None:
    env, _, task_id = asked(tmp_path)
    with pytest.raises(SalesError) as refused:
        commands.finish_task(env, task_id, "connected", date=date)
    assert refused.value.field == "date"


def test_task_given_again_is_another_task(tmp_path: Path) -> None:
    retry = p.Retry(on=("absent",), max=2, every=p.Span(amount=3, unit="business_hours"))
    env = environment(tmp_path, plan_of(ASK.model_copy(update={"retry": retry}), QUALIFY))
    journey = enter(env)
    settle(env)
    first = task_of(env).id
    commands.finish_task(env, first, "absent")
    settle(env)
    assert task_of(env).id == first
    env.clock.advance(hours=3)  # type: ignore[attr-defined]
    settle(env)
    second = task_of(env).id
    assert second != first
    commands.finish_task(env, second, "absent")
    settle(env)
    assert row_of(env, journey.id).outcome == "absent"
    assert len(mails(env, "notice")) == 2
    assert examine(env).problems == []


def test_overdue_task_is_withdrawn_where_the_journey_goes_on(tmp_path: Path) -> None:
    late = ASK.model_copy(
        update={"on_overdue": p.Target(exit="late"), "notify_overdue": "manager@acme.example"}
    )
    env = environment(tmp_path, plan_of(late, QUALIFY))
    journey = enter(env)
    settle(env)
    env.clock.advance(minutes=15)  # type: ignore[attr-defined]
    settle(env)
    assert row_of(env, journey.id).outcome == "late"
    assert task_of(env).status == TaskStatus.WITHDRAWN
    notices = [(one.template, one.to_address) for one in mails(env, "notice")]
    assert notices[1:] == [("notice:overdue", "manager@acme.example")]
    assert commands.finish_task(env, task_of(env).id, "connected").no_op == "already_withdrawn"


def test_task_of_a_lead_that_refuses_mails_stays(tmp_path: Path) -> None:
    env = environment(tmp_path, plan_of(ASK, QUALIFY))
    journey = enter(env)
    settle(env)
    report(env, "unsubscribed", lead_id=journey.lead_id, properties={"topic": "*"}, source="tracking")
    settle(env)
    assert row_of(env, journey.id).outcome == "unsubscribed"
    assert task_of(env).status == TaskStatus.OPEN
    assert commands.finish_task(env, task_of(env).id, "connected").no_op is None
    assert examine(env).problems == []


def test_erasure_withdraws_what_ended_journeys_left_with_sales(tmp_path: Path) -> None:
    env = environment(tmp_path, plan_of(HAND_OFF), plan_of(ASK, QUALIFY, scenario="calls"))
    journey = enter(env)
    settle(env)
    commands.accept_offer(env, offer_of(env).id)
    report(env, "unsubscribed", lead_id=journey.lead_id, properties={"topic": "*"}, source="tracking")
    settle(env)
    assert (offer_of(env).status, task_of(env).status) == (OfferStatus.ACCEPTED, TaskStatus.OPEN)
    erase_lead(env, journey.lead_id, "tests")
    assert (offer_of(env).status, task_of(env).status) == (OfferStatus.WITHDRAWN, TaskStatus.WITHDRAWN)
    assert lead_of(env, journey.lead_id).in_sales is False
    assert examine(env).problems == []


HAND_OFF = p.HandOffStep(
    id="sales",
    what="company",
    queue="company_owner",
    otherwise="inside-sales",
    on_rejected=p.Target(exit="rejected"),
    on_expired=p.Target(exit="expired"),
    on_won=p.Target(exit="won"),
    on_lost=p.Target(exit="lost"),
)


@pytest.mark.parametrize(
    ("owner", "assignee", "queue"),
    [
        ("kato@acme.example", "kato@acme.example", "company_owner"),
        (None, "sato@acme.example", "inside-sales"),
    ],
)
def test_company_is_offered_to_its_owner_or_the_other_queue(
    tmp_path: Path, owner: str | None, assignee: str, queue: str
) -> None:
    env = environment(tmp_path, plan_of(HAND_OFF))
    company = Company(name="東都商事", owner=owner, created_at=NOW)
    with env.database.write() as session:
        session.add(company)
        session.flush()
        quiet = make_lead(session, env, company=company)
        active = make_lead(session, env, company=company, last_active_at=NOW)
        erased = make_lead(session, env, company=company, email=None, erased_at=NOW)
    journey = enter(env, company=company)
    settle(env)
    offer = offer_of(env)
    assert (offer.what, offer.assignee, offer.queue) == ("company", assignee, queue)
    with env.database.read() as session:
        people = [one.id for one in company_people(session, offer)]
        in_sales = {one.id: one.in_sales for one in session.exec(select(Lead)).all()}
    assert set(people) == {quiet.id, active.id, journey.lead_id}
    assert people[-1] == quiet.id
    assert in_sales == {quiet.id: False, active.id: False, erased.id: False, journey.lead_id: True}


def test_single_lead_shows_nobody_else(tmp_path: Path) -> None:
    env = environment(tmp_path, plan_of(HAND_OFF.model_copy(update={"what": "lead"})))
    enter(env, company="東都商事")
    settle(env)
    with env.database.read() as session:
        assert list(company_people(session, offer_of(env))) == []
