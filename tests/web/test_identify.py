"""`identify`: events that say who somebody is."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from sqlmodel import select

from leadloop.inbox.apply import apply_pending
from leadloop.leads.consent import may_mail
from leadloop.storage.database import lock_lead
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Event, Lead
from tests.factories import make_lead


async def identify(env: Environment, client: httpx.AsyncClient, **members: Any) -> httpx.Response:
    reply = await client.post("/v1/events", json={"type": "identify"} | members)
    if reply.status_code == 202:
        with env.database.write() as session:
            lead = lock_lead(session, reply.json()["lead"])
            apply_pending(session, env, lead, env.clock.now())
    return reply


def lead_of(env: Environment, reply: httpx.Response) -> Lead:
    with env.database.read() as session:
        return session.get_one(Lead, reply.json()["lead"])


async def test_identify_makes_a_lead_with_its_fields(env: Environment, client: httpx.AsyncClient) -> None:
    fields = {"family_name": "山田", "company": "アクメ", "employees": 40, "industry": "it", "phone": ""}
    lead = lead_of(env, await identify(env, client, email="Yamada@Acme.example", fields=fields))
    assert (lead.email, lead.family_name, lead.company_name) == ("Yamada@acme.example", "山田", "アクメ")
    assert lead.fields == {"employees": 40, "industry": "it"}
    assert lead.phone is None


async def test_identify_changes_a_lead_and_its_address(env: Environment, client: httpx.AsyncClient) -> None:
    first = await identify(env, client, email="a@acme.example", fields={"family_name": "山田"})
    lead_id = first.json()["lead"]
    again = await identify(env, client, email="a@acme.example", fields={"family_name": "佐藤"})
    assert again.json()["lead"] == lead_id
    assert lead_of(env, again).family_name == "佐藤"
    moved = await identify(env, client, lead=lead_id, email="b@acme.example")
    assert lead_of(env, moved).email == "b@acme.example"
    assert lead_of(env, moved).family_name == "佐藤"
    with env.database.write() as session:
        make_lead(session, env, email="taken@acme.example")
    await identify(env, client, lead=lead_id, email="taken@acme.example")
    assert lead_of(env, moved).email == "b@acme.example"  # an address never moves to somebody else


@pytest.mark.parametrize(
    ("consent", "allowed"), [(None, False), (False, False), (True, True), (["nurture"], True), ([], False)]
)
async def test_identify_gives_permission_only_where_it_is_stated(
    env: Environment, client: httpx.AsyncClient, consent: object, allowed: bool
) -> None:
    members = {} if consent is None else {"consent": consent}
    reply = await identify(env, client, email="a@acme.example", **members)
    with env.database.read() as session:
        lead = session.get_one(Lead, reply.json()["lead"])
        workspace = env.publications.current(session).publication.workspace
        verdict = may_mail(session, env, lead, "nurture", workspace, env.clock.now())
    assert (verdict.allowed, verdict.basis) == (allowed, "opt_in" if allowed else None)


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({"email": "a@acme.example", "fields": []}, "fields"),
        ({"email": "a@acme.example", "fields": {"colour": "red"}}, "fields.colour"),
        ({"email": "a@acme.example", "fields": {"stage": "customer"}}, "fields.stage"),
        ({"email": "a@acme.example", "fields": {"email": "b@acme.example"}}, "fields.email"),
        ({"email": "a@acme.example", "fields": {"employees": "many"}}, "fields.employees"),
        ({"email": "a@acme.example", "fields": {"industry": "zoo"}}, "fields.industry"),
        ({"email": "a@acme.example", "consent": ["spam"]}, "consent"),
        ({"email": "a@acme.example", "consent": 7}, "consent"),
        ({"email": "a@acme.example", "properties": {"x": 1}}, "properties.x"),
        ({"email": "nobody"}, "email"),
        ({}, "lead"),
    ],
)
async def test_identify_names_the_field_that_is_wrong(
    env: Environment, client: httpx.AsyncClient, members: dict[str, Any], field: str
) -> None:
    reply = await identify(env, client, **members)
    assert (reply.status_code, reply.json()["errors"][0]["field"]) == (422, field)
    with env.database.read() as session:
        assert session.exec(select(Event)).all() == []


async def test_other_events_carry_no_fields(env: Environment, client: httpx.AsyncClient) -> None:
    event = {"type": "page_viewed", "email": "a@acme.example", "fields": {"family_name": "山田"}}
    reply = await client.post("/v1/events", json=event)
    assert reply.json()["errors"][0]["field"] == "fields"
