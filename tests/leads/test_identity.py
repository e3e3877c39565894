from __future__ import annotations

import pytest
from sqlmodel import select

from leadloop.leads.addresses import AddressError
from leadloop.leads.identity import find_lead, find_or_create_lead, link_identity
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Identity, Lead


def test_find_or_create_lead_creates_once(env: Environment) -> None:
    now = env.clock.now()
    with env.database.write() as session:
        lead, created = find_or_create_lead(session, env, "Taro@acme.example", {"source": "seminar"}, now)
        again, created_again = find_or_create_lead(session, env, " taro@ACME.example", {}, now)
    assert (created, created_again) == (True, False)
    assert again.id == lead.id
    assert (lead.email, lead.stage, lead.source) == ("Taro@acme.example", "lead", "seminar")
    with env.database.read() as session:
        assert find_lead(session, env, "ｔａｒｏ@acme.example") == session.get(Lead, lead.id)
        assert find_lead(session, env, "jiro@acme.example") is None


def test_identity_table_holds_no_address(env: Environment) -> None:
    with env.database.write() as session:
        find_or_create_lead(session, env, "taro@acme.example", {}, env.clock.now())
        rows = session.exec(select(Identity)).all()
    assert [row.kind for row in rows] == ["email"]
    assert "taro" not in rows[0].value_hmac


def test_find_or_create_lead_refuses_bad_address(env: Environment) -> None:
    with env.database.write() as session:
        with pytest.raises(AddressError):
            find_or_create_lead(session, env, "taro", {}, env.clock.now())
        assert session.exec(select(Lead)).all() == []


def test_find_lead_follows_merges(env: Environment) -> None:
    now = env.clock.now()
    with env.database.write() as session:
        kept, _ = find_or_create_lead(session, env, "taro@acme.example", {}, now)
        gone, _ = find_or_create_lead(session, env, "t.yamada@acme.example", {}, now)
        gone.merged_into = kept.id
        session.flush()
        assert find_lead(session, env, "t.yamada@acme.example") == kept


def test_link_identity_never_moves_a_value(env: Environment) -> None:
    now = env.clock.now()
    with env.database.write() as session:
        taro, _ = find_or_create_lead(session, env, "taro@acme.example", {}, now)
        jiro, _ = find_or_create_lead(session, env, "jiro@acme.example", {}, now)
        assert link_identity(session, env, taro, "visitor", "v1", now)
        assert link_identity(session, env, taro, "visitor", "v1", now)
        assert not link_identity(session, env, jiro, "visitor", "v1", now)
        assert not link_identity(session, env, jiro, "email", "TARO@acme.example", now)
