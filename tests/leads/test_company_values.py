"""Companies that are written: found, checked, changed, and told to their people."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlmodel import select

from leadloop.inbox.apply import Application
from leadloop.language import plan as p
from leadloop.leads.company_values import CompanyError, IncomingCompany, NoSuchCompanyError, upsert_company
from leadloop.sales.assignment import company_owner
from leadloop.storage.columns import new_id
from leadloop.storage.database import lock_lead
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Company, Event, Lead
from tests.factories import ManualClock, make_lead
from tests.inbox.driver import journeys, report, settle
from tests.inbox.entry_worlds import condition, days, scenario, world

OWNED = condition('lead.company.owner == "sato@acme.example"', lead__company__owner="text")
LOOK = p.AwaitStep(
    id="look",
    branches=(p.Branch(match=p.WhenMatch(when=OWNED), go=p.Target(exit="owned")),),
    timeout=p.WaitSpec(span=days(30)),
    on_timeout=p.Target(exit="late"),
)


@pytest.fixture
def env(tmp_path: Path, clock: ManualClock) -> Iterator[Environment]:
    form = p.EventMatch(event="form_submitted")
    opened = world(tmp_path, clock, scenario(form, first="look", steps={"look": LOOK}))
    yield opened
    opened.database.close()


def add(env: Environment, company: Company | None, name: str = "hanako", **fields: Any) -> str:
    with env.database.write() as session:
        return make_lead(session, env, email=f"{name}@kaisha.example", company=company, **fields).id


def put(env: Environment, key: str, **values: str | None) -> Company:
    return upsert_company(env, IncomingCompany(key, values)).company


def test_company_is_found_by_id_name_in_any_spelling_and_domain(env: Environment) -> None:
    made = put(env, "株式会社アクメ", domain="acme.example", owner="sato@acme.example")
    for key in (made.id, "㈱アクメ", "ＡＣＭＥ.example"):
        result = upsert_company(env, IncomingCompany(key, {"domain": "acme.example"}))
        assert (result.status, result.company.id) == ("unchanged", made.id)


def test_change_of_a_company_is_told_to_its_people_once(env: Environment) -> None:
    company = put(env, "株式会社アクメ", owner="sato@acme.example", stage="商談中")
    people = sorted(add(env, company, name) for name in ("hanako", "jiro"))
    add(env, None, "another")
    for _ in range(2):
        company = put(env, "アクメ", owner=None, stage="商談中")
    assert company.owner is None
    with env.database.read() as session:
        rows = session.exec(select(Event).where(Event.type == "company_changed")).all()
    assert sorted((row.subject_id, row.properties["field"]) for row in rows) == [
        (lead, "owner") for lead in people
    ]


@pytest.mark.parametrize(
    ("values", "field", "problem"),
    [
        ({"owner": "sato@acme.example, suzuki@acme.example"}, "owner", "not a mail address"),
        ({"timezone": "Asia/Tokio"}, "timezone", "not a time zone"),
        ({"domain": "gmail.com"}, "domain", "stands for no company"),
        ({"domain": "acme"}, "domain", "not a domain"),
        ({"domain": "beta.example"}, "domain", "another company has it"),
        ({"name": "ベータ株式会社"}, "name", "another company has it"),
        ({"name": None}, "name", "a company needs a name"),
    ],
)
def test_company_that_does_not_fit_is_refused_whole(
    env: Environment, values: dict[str, str | None], field: str, problem: str
) -> None:
    put(env, "株式会社ベータ", domain="beta.example")
    put(env, "株式会社アクメ", stage="商談中")
    with pytest.raises(CompanyError) as refused:
        put(env, "アクメ", **{"stage": "受注", **values})
    (found,) = refused.value.problems
    assert found.field == field
    assert problem in found.problem
    assert upsert_company(env, IncomingCompany("アクメ", {"stage": "商談中"})).status == "unchanged"


def test_id_that_nobody_has_makes_no_company(env: Environment) -> None:
    with pytest.raises(NoSuchCompanyError):
        put(env, new_id(), stage="商談中")


def test_waiting_condition_sees_the_owner_of_the_company(env: Environment) -> None:
    lead = add(env, put(env, "株式会社アクメ"))
    report(env, "form_submitted", lead_id=lead, properties={"form": "contact"}, trust="verified")
    settle(env)
    assert [row.outcome for row in journeys(env)] == [None]
    put(env, "アクメ", owner="sato@acme.example")
    settle(env)
    assert [row.outcome for row in journeys(env)] == ["owned"]
    with env.database.read() as session:
        assert company_owner(session, session.get_one(Lead, lead)) == "sato@acme.example"


@pytest.mark.parametrize(
    ("own", "company", "zone"),
    [
        ("Asia/Seoul", "Europe/Berlin", "Asia/Seoul"),
        (None, "Europe/Berlin", "Europe/Berlin"),
        (None, None, "Asia/Tokyo"),
    ],
)
def test_day_is_in_the_zone_of_the_lead_the_company_or_the_workspace(
    env: Environment, own: str | None, company: str | None, zone: str
) -> None:
    lead = add(env, put(env, "株式会社アクメ", timezone=company), **({"timezone": own} if own else {}))
    with env.database.write() as session:
        application = Application(session, env, lock_lead(session, lead), env.clock.now())
        assert application.zone == ZoneInfo(zone)
