"""`POST /v1/forms/{form}`."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from sqlmodel import select

from leadloop.inbox.applier import apply_once
from leadloop.leads.consent import may_mail
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Event, Lead
from leadloop.web.forms import HONEYPOT

PERSON = {"email": "hanako@example.jp", "family_name": "佐藤", "given_name": "花子", "company": "㈱テスト"}


def leads(env: Environment) -> list[Lead]:
    apply_once(env)
    with env.database.read() as session:
        return list(session.exec(select(Lead)).all())


def events(env: Environment) -> list[Event]:
    with env.database.read() as session:
        return list(session.exec(select(Event).where(Event.source == "form")).all())


async def test_json_entry_makes_a_lead_with_its_fields(env: Environment, client: httpx.AsyncClient) -> None:
    reply = await client.post(
        "/v1/forms/whitepaper", json=PERSON | {"industry": "it", "employees": 120, "consent": True}
    )
    assert (reply.status_code, reply.json()["status"]) == (202, "accepted")
    lead = leads(env)[0]
    assert (lead.email, lead.family_name, lead.fields) == (
        "hanako@example.jp", "佐藤", {"industry": "it", "employees": 120}
    )  # fmt: skip
    event = events(env)[0]
    assert (event.trust, event.properties) == ("verified", {"form": "whitepaper"})
    publication = env.publications.current().publication
    with env.database.read() as session:
        assert may_mail(session, env, lead, "nurture", publication.workspace, env.clock.now()).allowed


async def test_browser_entry_is_thanked_on_a_page(env: Environment, browser: httpx.AsyncClient) -> None:
    reply = await browser.post(
        "/v1/forms/contact", data=PERSON | {"employees": "120", "industry": "", "consent": ["nurture"]}
    )
    assert reply.status_code == 202
    assert "Thank you." in reply.text
    assert leads(env)[0].fields == {"employees": 120}
    assert events(env)[0].identity["consent"] == ["nurture"]


async def test_multipart_entry_works_and_files_are_refused(
    env: Environment, client: httpx.AsyncClient
) -> None:
    parts = {name: (None, value) for name, value in PERSON.items()}
    assert (await client.post("/v1/forms/contact", files=parts)).status_code == 202
    upload = parts | {"email": ("a.exe", b"MZ")}
    assert (await client.post("/v1/forms/contact", files=upload)).status_code == 400
    assert len(events(env)) == 1


URLENCODED = {"content-type": "application/x-www-form-urlencoded"}
MULTIPART = {"content-type": "multipart/form-data; boundary=b"}


async def test_text_that_is_not_percent_encoded_is_read_as_utf_8(
    env: Environment, client: httpx.AsyncClient
) -> None:
    """As `curl -d` sends what is typed."""
    body = "email=hanako@example.jp&company=アクメ&phone=０３－１２３４－５６７８".encode()
    reply = await client.post("/v1/forms/contact", content=body, headers=URLENCODED)
    assert reply.status_code == 202, reply.text
    assert [(one.company_name, one.phone) for one in leads(env)] == [("アクメ", "0312345678")]


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (URLENCODED, "email=hanako@example.jp&company=アクメ".encode("cp932")),
        (URLENCODED, b"email=hanako@example.jp&company=%83A%83N%83%81"),
        (
            MULTIPART,
            b'--b\r\nContent-Disposition: form-data; name="email"\r\n\r\nhanako@example.jp\r\n'
            b'--b\r\nContent-Disposition: form-data; name="company"\r\n\r\n\x83A\x83N\x83\x81\r\n--b--\r\n',
        ),
    ],
    ids=["typed", "encoded", "multipart"],
)
async def test_another_encoding_is_refused_instead_of_stored_as_garbage(
    env: Environment, client: httpx.AsyncClient, headers: dict[str, str], body: bytes
) -> None:
    reply = await client.post("/v1/forms/contact", content=body, headers=headers)
    assert reply.status_code == 400
    assert "accept-charset" in reply.json()["detail"]
    assert events(env) == []


async def test_nul_and_too_many_fields_are_refused(env: Environment, client: httpx.AsyncClient) -> None:
    nul = await client.post("/v1/forms/contact", data=PERSON | {"company": "a\x00b"})
    assert (nul.status_code, nul.json()["errors"][0]["field"]) == (422, "company")
    many = await client.post("/v1/forms/contact", data={f"f{number}": "x" for number in range(201)})
    assert many.status_code == 400
    assert events(env) == []


async def test_unknown_form_is_not_found(client: httpx.AsyncClient) -> None:
    reply = await client.post("/v1/forms/whitepapr", json=PERSON)
    assert reply.status_code == 404
    assert "did you mean `whitepaper`?" in reply.json()["detail"]


@pytest.mark.parametrize(
    ("extra", "field", "hint"),
    [
        ({"famly_name": "x"}, "famly_name", "did you mean `family_name`?"),
        ({"stage": "customer"}, "stage", "unknown field"),
        ({"owner": "me@example.jp"}, "owner", "unknown field"),
        ({"employees": "many"}, "employees", "whole number"),
        ({"industry": "farming"}, "industry", "one of"),
        ({"email": "nobody"}, "email", "not a mail address"),
        ({"email": ""}, "email", "needed"),
        ({"consent": ["nurtur"]}, "consent", "did you mean `nurture`?"),
        ({"id": 7}, "id", "a text"),
    ],
)
async def test_wrong_field_is_named(
    env: Environment, client: httpx.AsyncClient, extra: dict[str, Any], field: str, hint: str
) -> None:
    reply = await client.post("/v1/forms/contact", json=PERSON | extra)
    assert reply.status_code == 422
    error = reply.json()["errors"][0]
    assert error["field"] == field
    assert hint in error["problem"]
    assert events(env) == []


async def test_phone_is_enough_and_its_id_counts_once(env: Environment, client: httpx.AsyncClient) -> None:
    entry = {"phone": "03-1234-5678", "family_name": "鈴木", "id": "f1"}
    first = await client.post("/v1/forms/contact", json=entry)
    again = await client.post("/v1/forms/contact", json=entry)
    assert (first.status_code, again.json()["duplicate"]) == (202, True)
    assert [(one.email, one.phone, one.family_name) for one in leads(env)] == [(None, "0312345678", "鈴木")]


async def test_filled_honeypot_records_nothing(env: Environment, client: httpx.AsyncClient) -> None:
    reply = await client.post("/v1/forms/contact", json=PERSON | {HONEYPOT: "https://spam.example"})
    assert reply.status_code == 202
    assert leads(env) == []


async def test_refusal_for_a_browser_is_an_escaped_page(browser: httpx.AsyncClient) -> None:
    reply = await browser.post("/v1/forms/contact", data={"<script>alert(1)</script>": "x"})
    assert reply.status_code == 422
    assert "<script>" not in reply.text
    assert "&lt;script&gt;" in reply.text


async def test_entry_of_another_site_is_welcome(client: httpx.AsyncClient) -> None:
    headers = {"origin": "https://www.acme.example", "sec-fetch-site": "cross-site"}
    assert (await client.post("/v1/forms/contact", data=PERSON, headers=headers)).status_code == 202
