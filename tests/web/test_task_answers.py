"""Finishing a task that asks: by the API and by the page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlmodel import select

from leadloop.delivery.tokens import Tokens
from leadloop.language import plan as p
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Company, Task, TaskStatus
from leadloop.web.app import create_app
from tests.factories import NOW, make_lead
from tests.inbox.driver import settle
from tests.inbox.played import END, enter, environment, lead_of, plan_of

ASK = p.TaskStep(
    id="call",
    type="call",
    to="inside-sales",
    due=p.Span(amount=1, unit="days"),
    outcomes=("connected", "absent"),
    on={"connected": END, "absent": END},
    asks=("budget_confirmed", "industry", "purchase_timing", "job_title"),
    asks_date=True,
)


@pytest.fixture
def env(tmp_path: Path) -> Environment:
    env = environment(tmp_path, plan_of(ASK))
    enter(env, fields={"industry": "it"}, job_title="課長")
    settle(env)
    return env


def client(env: Environment) -> TestClient:
    app = create_app(env, tokens=Tokens(env.keys), public_url="http://127.0.0.1:8080")
    here = ("127.0.0.1", 50000)
    return TestClient(app, base_url="http://127.0.0.1:8080", follow_redirects=False, client=here)


def task_of(env: Environment) -> Task:
    with env.database.read() as session:
        return session.exec(select(Task)).one()


def test_api_takes_typed_answers_and_a_date(env: Environment) -> None:
    task = task_of(env)
    body: dict[str, Any] = {
        "outcome": "connected",
        "answers": {"budget_confirmed": True, "purchase_timing": "2027-04-05"},
        "date": "2027-05",
    }
    reply = client(env).post(f"/v1/tasks/{task.id}/done", json=body)
    assert reply.status_code == 200
    assert (reply.json()["status"], reply.json()["date"]) == ("done", "2027-05")
    assert lead_of(env, task.lead_id).fields == {
        "industry": "it",
        "budget_confirmed": True,
        "purchase_timing": "2027-04-05",
    }


@pytest.mark.parametrize(
    "body",
    [
        {"outcome": "connected", "answers": {"industry": "farming"}},
        {"outcome": "connected", "answers": {"employees": 5}},
        {"outcome": "connected", "date": "soon"},
    ],
)
def test_api_refuses_what_does_not_fit_and_changes_nothing(env: Environment, body: dict[str, Any]) -> None:
    task = task_of(env)
    assert client(env).post(f"/v1/tasks/{task.id}/done", json=body).status_code == 422
    assert task_of(env).status == TaskStatus.OPEN


def test_page_shows_the_questions_with_what_is_known(env: Environment) -> None:
    text = client(env).get(f"/sales/tasks/{task_of(env).id}").text
    for field in ASK.asks:
        assert f'name="ask:{field}"' in text
    assert '<option value="it" selected>' in text
    assert 'value="課長"' in text
    assert 'name="date"' in text


def test_page_writes_the_answers(env: Environment) -> None:
    task = task_of(env)
    form = {
        "outcome": "connected",
        "ask:budget_confirmed": "yes",
        "ask:job_title": "部長",
        "ask:industry": "",
        "date": "2027-04-05",
    }
    reply = client(env).post(f"/sales/tasks/{task.id}/done", data=form)
    assert reply.status_code == 303
    lead = lead_of(env, task.lead_id)
    assert (lead.job_title, lead.fields) == ("部長", {"industry": "it", "budget_confirmed": True})
    assert task_of(env).date == "2027-04-05"


def test_page_of_an_offered_company_shows_its_people(tmp_path: Path) -> None:
    step = p.HandOffStep(
        id="sales", what="company", queue="inside-sales", on_rejected=END, on_expired=END, on_won=END,
        on_lost=END,
    )  # fmt: skip
    env = environment(tmp_path, plan_of(step))
    company = Company(name="東都商事", created_at=NOW)
    with env.database.write() as session:
        session.add(company)
        session.flush()
        make_lead(session, env, company=company, family_name="鈴木", given_name="花子")
    enter(env, company=company)
    settle(env)
    page = client(env)
    (offer,) = page.get("/v1/offers").json()["items"]
    assert "鈴木 花子" in page.get(f"/sales/offers/{offer['id']}").text
    assert len(page.get(f"/v1/offers/{offer['id']}").json()["people"]) == 2
