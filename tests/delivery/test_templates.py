"""Every shipped template, in both languages, for a full and for an almost empty lead."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from leadloop.delivery.notices import NAMES, internal_templates, notice_templates
from leadloop.delivery.render import Renderer
from leadloop.delivery.scope import template_context
from leadloop.language.compiler import compile_workspace
from leadloop.language.plan import FieldSpec, Publication, RecordKind, Sender, Workspace

FOLDER = Path(__file__).parents[2] / "templates"
TEMPLATES = {
    path.relative_to(FOLDER).as_posix(): path.read_text(encoding="utf-8")
    for path in FOLDER.rglob("*")
    if path.is_file()
}
NAMES_SHIPPED = sorted({path.split(".")[0] for path in TEMPLATES if not path.startswith("layouts/")})
INTERNAL = [name for name in NAMES_SHIPPED if name.startswith("notify/")]
"""For colleagues: without a layout's legal lines, and without the addressee on top."""
MAILS = [name for name in NAMES_SHIPPED if name not in INTERNAL]
RUN: dict[str, Any] = {
    "entry": {"form": "whitepaper", "show": "オフィス総合展"},
    "cycle": 0,
    "seminar": {
        "key": "s1",
        "title": "製造業のDX入門",
        "starts_at": datetime(2026, 12, 9, 6, 0, tzinfo=UTC),
        "join_url": "https://www.acme.example/seminar/join/s1",
    },
    "trial": {"key": "t1", "ends_on": "2026-11-30"},
    "contract": {"key": "c1", "renews_on": "2027-03-31", "plan": "スタンダード"},
    "estimate": {"key": "e1", "title": "承認システム", "amount": 1_200_000, "valid_until": "2026-12-18"},
}
WORKSPACE = Workspace(
    name="acme",
    timezone="Asia/Tokyo",
    locale="ja",
    sender=Sender(
        name="株式会社アクメ マーケティング部",
        address="news@acme.example",
        postal_address="東京都千代田区丸の内1-1-1",
        complaint_contact="privacy@acme.example",
    ),
    lead_fields={
        "industry": FieldSpec(type="enum", values=("manufacturing", "it")),
        "employees": FieldSpec(type="int"),
    },
    events={
        "form_submitted": {"form": FieldSpec(type="text")},
        "card_received": {"show": FieldSpec(type="text")},
    },
    records={
        kind: RecordKind(fields={name: FieldSpec(type="text") for name in names})
        for kind, names in {
            "seminar": ("title", "starts_at", "join_url"),
            "trial": ("ends_on",),
            "contract": ("renews_on", "plan", "status"),
            "estimate": ("title", "amount", "valid_until"),
        }.items()
    },
)
FULL: dict[str, Any] = {
    "email": "yamada@example.jp",
    "family_name": "山田",
    "given_name": "太郎",
    "department": "情報システム部",
    "job_title": "部長",
    "phone": "03-1234-5678",
    "industry": "manufacturing",
    "employees": 300,
}
UNSUBSCRIBE = "https://leadloop.example/u/token"


@pytest.fixture(scope="module")
def renderer() -> Iterator[Renderer]:
    with Renderer() as one:
        yield one


def context(
    lead: dict[str, Any], company: dict[str, Any] | None, run: dict[str, Any] | None = None
) -> dict[str, Any]:
    return template_context(
        WORKSPACE, lead=lead, company=company, run=run, unsubscribe_url=UNSUBSCRIBE, message_id="m"
    )


def test_every_template_is_there_in_both_languages() -> None:
    for name in NAMES_SHIPPED:
        assert {f"{name}.ja.md", f"{name}.en.md"} <= set(TEMPLATES), name


def test_every_template_is_used_by_the_shipped_scenarios() -> None:
    publication = compile_workspace(FOLDER.parent).require()
    assert {name.split(".")[0] for name in publication.templates if "layouts/" not in name} == set(
        NAMES_SHIPPED
    )


@pytest.mark.parametrize("name", INTERNAL)
@pytest.mark.parametrize("locale", ["ja", "en"])
@pytest.mark.parametrize("full", [True, False])
def test_notice_of_the_workspace_renders(renderer: Renderer, name: str, locale: str, full: bool) -> None:
    lead, company = (FULL, {"name": "株式会社サンプル"}) if full else ({}, None)
    mail = renderer.render(
        internal_templates(Publication(workspace=WORKSPACE, templates=TEMPLATES)),
        name, [locale], context(lead, company, RUN if full else {}) | {"link": "https://leadloop.example/leads/1"},
    )  # fmt: skip
    assert mail.template == f"{name}.{locale}.md"
    for broken in ("None", "{{", "Undefined", "様様", "様 様"):
        assert broken not in mail.text + mail.subject


@pytest.mark.parametrize("name", MAILS)
@pytest.mark.parametrize("locale", ["ja", "en"])
@pytest.mark.parametrize("full", [True, False])
def test_template_renders(renderer: Renderer, name: str, locale: str, full: bool) -> None:
    lead, company = (FULL, {"name": "株式会社サンプル"}) if full else ({"email": "a@example.jp"}, None)
    values = context(lead, company, RUN if full else {})
    mail = renderer.render(TEMPLATES, name, [locale], values, untracked=[UNSUBSCRIBE])
    assert mail.template == f"{name}.{locale}.md"
    assert len(mail.links) <= 3
    hosts = ("https://www.acme.example/", "https://app.acme.example/")
    assert all(link.url.startswith(hosts) for link in mail.links)
    for required in (
        WORKSPACE.sender.name,
        WORKSPACE.sender.postal_address,
        "privacy@acme.example",
        UNSUBSCRIBE,
    ):
        assert required in mail.text
        assert required in mail.html
    assert mail.preheader in mail.html
    for broken in ("None", "{{", "Undefined", "様様", "様 様", " 、", "  様"):
        assert broken not in mail.text
    if locale == "ja":
        assert ("株式会社サンプル 情報システム部 山田 太郎 様" if full else "ご担当者様") in mail.text
    else:
        assert ("Dear 山田 太郎," if full else "Dear customer,") in mail.text


OFFER = {
    "queue": "inside-sales",
    "assignee": "sato@acme.example",
    "accept_by": "2026-11-24 13:00",
    "work_by": None,
    "what": "company",
    "people": [{"name": "鈴木 花子", "job_title": "課長", "email": "suzuki@example.jp"}],
    "reasons": [
        {
            "model": "engagement",
            "rule": "pricing",
            "points": 20,
            "times": 2,
            "last_at": "2026-11-20T01:00:00+00:00",
        }
    ],
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("locale", ["ja", "en"])
@pytest.mark.parametrize("full", [True, False])
def test_notice_renders(renderer: Renderer, name: str, locale: str, full: bool) -> None:
    lead, company = (FULL, {"name": "株式会社サンプル"}) if full else ({}, None)
    empty = dict.fromkeys(OFFER) | {"reasons": [], "people": []}
    values = context(lead, company) | {
        "link": "https://leadloop.example/sales/offers/1",
        "offer": OFFER if full else empty,
        "task": {"title": "電話する", "due_at": "2026-11-24 13:00", "assignee": "sato@acme.example"},
        "journey": {"scenario": "s", "title": "営業への引き渡し", "outcome": "unaccepted" if full else None},
    }
    mail = renderer.render(notice_templates(), name, [locale], values)
    assert [link.url for link in mail.links if "/sales/" in link.url] == [values["link"]]
    assert "None" not in mail.text + mail.subject
    if full and name in ("handoff", "escalation"):
        assert "pricing" in mail.text
        assert "20" in mail.text
    assert ("鈴木 花子" in mail.text) == (full and name == "handoff")
    if full and name != "exit":
        assert "株式会社サンプル" in mail.subject
