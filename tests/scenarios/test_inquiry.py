"""お問い合わせ: answered at once at any hour, called within business minutes, qualified or nurtured."""

from __future__ import annotations

import json
from typing import Any

import pytest

from leadloop.sales.commands import finish_task
from leadloop.storage.tables import CallStatus, TaskStatus
from tests.inbox.driver import calls
from tests.scenarios.conftest import Worlds
from tests.scenarios.world import World, shown

SUNDAY_NIGHT = "2026-11-15 23:00"
OWNER = "ito@acme.example"


def asked(worlds: Worlds, start: str = SUNDAY_NIGHT, **fields: Any) -> tuple[World, str]:
    world = worlds(start)
    lead = world.person(owner=OWNER, phone="03-1234-5678", **fields)
    world.event("form_submitted", lead, form="contact")
    return world, lead


def answer(world: World, outcome: str, **answers: object) -> None:
    finish_task(world.env, world.task().id, outcome, answers=answers)
    world.settle()


def test_answer_goes_at_once_and_the_call_is_due_on_monday_morning(worlds: Worlds) -> None:
    world, lead = asked(worlds)
    assert world.sent(lead) == [("inquiry/auto-reply", SUNDAY_NIGHT)]
    assert "notify/inquiry" in world.notices(OWNER)
    assert "03-1234-5678" in world.mail("【要対応】").text
    task = world.task()
    assert (task.assignee, task.title) == (OWNER, "お問い合わせへの折り返し")
    assert shown(task.due_at) == "2026-11-16 09:15"


@pytest.mark.parametrize(
    ("start", "due"),
    [
        ("2026-11-16 17:50", "2026-11-17 09:05"),  # 15 business minutes over the evening
        ("2026-11-20 17:55", "2026-11-24 09:10"),  # Friday, then a holiday on Monday
        ("2026-12-28 17:50", "2027-01-04 09:05"),  # closed from December 29 to January 3
    ],
)
def test_call_is_due_in_business_minutes(worlds: Worlds, start: str, due: str) -> None:
    world, _ = asked(worlds, start)
    assert shown(world.task().due_at) == due


def test_manager_hears_of_a_call_that_nobody_made(worlds: Worlds) -> None:
    world, _ = asked(worlds)
    world.until("2026-11-16 09:14")
    assert world.notices("manager@acme.example") == []
    world.until("2026-11-16 09:15")
    assert len(world.notices("manager@acme.example")) == 1
    assert world.task().status == TaskStatus.OVERDUE
    answer(world, "appointment")  # late is not never
    assert world.outcome("inquiry-fast-lane") == "appointment"


def test_three_calls_in_vain_are_three_business_hours_apart(worlds: Worlds) -> None:
    world, lead = asked(worlds)
    world.until("2026-11-16 09:10")
    answer(world, "absent")
    assert [one.status for one in world.tasks()] == [TaskStatus.DONE]
    world.until("2026-11-16 12:09")
    assert len(world.tasks()) == 1
    world.until("2026-11-16 12:10")
    assert len(world.tasks()) == 2
    world.until("2026-11-16 16:00")
    answer(world, "absent")
    world.until("2026-11-17 10:00")  # two hours on Monday, one on Tuesday
    assert [shown(one.created_at) for one in world.tasks()] == [
        SUNDAY_NIGHT, "2026-11-16 12:10", "2026-11-17 10:00",
    ]  # fmt: skip
    answer(world, "absent")
    assert world.templates(lead) == ["inquiry/auto-reply", "inquiry/could-not-reach"]
    assert world.outcome("inquiry-fast-lane") == "unreachable"


def test_appointment_makes_an_opportunity_and_tells_the_crm(worlds: Worlds) -> None:
    world, lead = asked(worlds)
    world.until("2026-11-16 09:05")
    answer(world, "appointment", budget_confirmed="はい")
    assert world.lead(lead).stage == "sql"
    (call,) = calls(world.env)
    assert (call.to, call.status, call.sink) == ("crm", CallStatus.DONE, True)
    body = json.loads(call.body or "")
    assert (body["lead"]["stage"], body["lead"]["budget_confirmed"]) == ("sql", True)
    assert (body["scenario"], body["run"]["entry"]["form"]) == ("inquiry-fast-lane", "contact")
    assert world.outcome("inquiry-fast-lane") == "appointment"


def test_answers_on_the_call_decide(worlds: Worlds) -> None:
    world, lead = asked(worlds)
    world.until("2026-11-16 09:05")
    answer(world, "connected", budget_confirmed="yes", purchase_timing="2027-04-01")
    assert world.lead(lead).fields == {"budget_confirmed": True, "purchase_timing": "2027-04-01"}
    assert world.outcome("inquiry-fast-lane") == "appointment"
    assert world.lead(lead).stage == "sql"


@pytest.mark.parametrize("answers", [{}, {"budget_confirmed": "いいえ", "purchase_timing": "2027-04-01"},
                                     {"budget_confirmed": "はい"}])  # fmt: skip
def test_who_is_not_ready_is_nurtured(worlds: Worlds, answers: dict[str, object]) -> None:
    world, lead = asked(worlds)
    world.until("2026-11-16 09:05")
    answer(world, "connected", **answers)
    assert world.outcome("inquiry-fast-lane") == "to_nurture"
    nurture = world.journey("whitepaper-nurture", lead)
    assert nurture.entry_step == "case"
    assert world.walked(nurture)[0] == "case"


def test_who_refuses_gets_no_nurture_and_is_answered_again(worlds: Worlds) -> None:
    world, lead = asked(worlds)
    world.until("2026-11-16 09:05")
    answer(world, "refused")
    assert world.outcome("inquiry-fast-lane") == "refused"
    world.until("2026-11-17 09:00")
    world.event("form_submitted", lead, form="demo")  # asks again: that is answered
    assert world.sent(lead)[-1] == ("inquiry/auto-reply", "2026-11-17 09:00")
    assert len(world.journeys("inquiry-fast-lane")) == 2


def test_second_form_while_the_call_is_open_is_no_second_journey(worlds: Worlds) -> None:
    world, lead = asked(worlds)
    world.event("form_submitted", lead, form="demo")
    assert len(world.journeys("inquiry-fast-lane")) == 1
    assert world.templates(lead) == ["inquiry/auto-reply"]
