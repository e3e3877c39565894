from __future__ import annotations

from typing import Any

import pytest
from sqlmodel import select

from leadloop.leads.fields import read_identity, write_identity
from leadloop.leads.identity import find_lead, find_or_create_lead
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Company
from tests.factories import make_workspace


@pytest.mark.parametrize(
    ("name", "value", "stored"),
    [
        ("employees", "１，２００名", 1200),
        ("employees", "1200.0", 1200),
        ("employees", 30, 30),
        ("industry", "ＩＴ", "it"),
        ("budget_confirmed", "はい", True),
        ("budget_confirmed", "No", False),
        ("budget_confirmed", False, False),
        ("purchase_timing", "2027/4/5", "2027-04-05"),
        ("purchase_timing", "２０２７年４月５日", "2027-04-05"),
        ("purchase_timing", "2027年4月", "2027-04-01"),
        ("purchase_timing", "2027-04", "2027-04-01"),
        ("company_name", "　㈱アクメ ", "(株)アクメ"),
        ("phone", "03-1234-5678", "0312345678"),
        ("country", "jp", "JP"),
        ("timezone", "Asia/Tokyo", "Asia/Tokyo"),
        ("locale", "en_GB", "en-GB"),
    ],
)
def test_read_identity_converts_by_type(name: str, value: object, stored: object) -> None:
    read = read_identity({name: value}, make_workspace())
    assert (list(read.values.values()), read.problems) == ([stored], {})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("employees", "100-299"),
        ("employees", "9" * 40),
        ("employees", True),
        ("industry", "farming"),
        ("budget_confirmed", "maybe"),
        ("purchase_timing", "2027-02-30"),
        ("purchase_timing", "来春"),
        ("phone", "なし"),
        ("timezone", "../../etc/passwd"),
        ("timezone", "Asia/Nowhere"),
        ("locale", "日本語"),
        ("family_name", "あ" * 201),
        ("family_name", {"a": 1}),
        ("email", "taro"),
    ],
)
def test_read_identity_reports_what_does_not_fit(name: str, value: object) -> None:
    read = read_identity({name: value, "given_name": "太郎"}, make_workspace())
    assert read.values == {"given_name": "太郎"}
    assert list(read.problems) == [name]


def test_read_identity_leaves_out_empty_and_unknown() -> None:
    read = read_identity(
        {
            "family_name": "　",
            "given_name": None,
            "shoe_size": "27",
            "stage": "customer",
            "owner": "x@y.example",
        },
        make_workspace(),
    )
    assert (read.values, read.problems) == ({}, {})


def write(env: Environment, email: str, identity: dict[str, Any]) -> list[str]:
    with env.database.write() as session:
        lead, _ = find_or_create_lead(session, env, email, {}, env.clock.now())
        return write_identity(session, env, lead, identity, env.clock.now())


def test_write_identity_fills_overwrites_and_never_erases(env: Environment) -> None:
    first = write(env, "taro@acme.example", {"family_name": "山田", "employees": "50", "source": "seminar"})
    assert first == ["family_name", "employees", "source"]
    second = write(env, "taro@acme.example", {"family_name": "", "employees": "60人", "source": "web"})
    assert second == ["employees"]
    assert write(env, "taro@acme.example", {"family_name": "山田", "employees": "many"}) == []
    with env.database.read() as session:
        lead = find_lead(session, env, "taro@acme.example")
        assert lead is not None
        assert (lead.family_name, lead.fields, lead.source) == ("山田", {"employees": 60}, "seminar")


def test_write_identity_attaches_one_company_by_name(env: Environment) -> None:
    assert write(env, "taro@acme.example", {"company": "株式会社アクメ"}) == ["company"]
    assert write(env, "hanako@gmail.com", {"company_name": "㈱ アクメ"}) == ["company"]
    with env.database.read() as session:
        (company,) = session.exec(select(Company)).all()
        assert (company.name_key, company.domain) == ("アクメ", "acme.example")


def test_write_identity_attaches_by_domain_but_not_free_mail(env: Environment) -> None:
    write(env, "taro@acme.example", {"company": "Acme Inc."})
    assert write(env, "jiro@acme.example", {"family_name": "佐藤"}) == ["family_name", "company"]
    write(env, "a@gmail.com", {"company": "Solo Studio"})
    assert write(env, "b@gmail.com", {"family_name": "鈴木"}) == ["family_name"]
    with env.database.read() as session:
        lead = find_lead(session, env, "b@gmail.com")
        assert lead is not None
        assert lead.company_id is None
        solo = session.exec(select(Company).where(Company.name_key == "solostudio")).one()
        assert solo.domain is None


def test_write_identity_follows_a_new_employer(env: Environment) -> None:
    write(env, "taro@gmail.com", {"company": "アクメ"})
    assert write(env, "taro@gmail.com", {"company": "株式会社アクメ"}) == ["company"]
    assert write(env, "taro@gmail.com", {"company": "ベータ商事"}) == ["company"]
    with env.database.read() as session:
        lead = find_lead(session, env, "taro@gmail.com")
        assert lead is not None
        company = session.get(Company, lead.company_id)
        assert company is not None
        assert company.name == "ベータ商事"


def test_write_identity_changes_address_only_if_free(env: Environment) -> None:
    write(env, "jiro@acme.example", {})
    assert write(env, "taro@acme.example", {"email": "jiro@acme.example"}) == []
    assert write(env, "taro@acme.example", {"email": "t.yamada@beta.example"}) == ["email"]
    with env.database.read() as session:
        lead = find_lead(session, env, "taro@acme.example")
        assert lead == find_lead(session, env, "t.yamada@beta.example")
        assert lead is not None
        assert lead.email == "t.yamada@beta.example"
