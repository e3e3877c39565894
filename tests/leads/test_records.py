"""Upserting records: what is checked, what is written, who is told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import col, func, select

from leadloop.language import plan as p
from leadloop.leads.record_values import read_cell, read_value
from leadloop.leads.records import (
    IncomingRecord,
    NoSuchKindError,
    RecordError,
    check_record,
    compare_record,
    upsert_record,
)
from leadloop.leads.values import ValueProblemError
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Company, Event, Lead, LeadScore, Record
from tests.factories import NOW, ManualClock, make_lead
from tests.inbox.driver import report, settle
from tests.inbox.seminars import RENEWAL, environment, plan, put_seminar

LONG = p.WaitSpec(span=p.Span(amount=300, unit="days"))


@pytest.fixture
def env(tmp_path: Path, clock: ManualClock) -> Iterator[Environment]:
    opened = environment(tmp_path, clock, plan(p.WaitStep(id="w", wait=LONG)))
    yield opened
    opened.database.close()


def record(env: Environment, kind: str, key: str) -> Record:
    with env.database.read() as session:
        return session.get_one(Record, (kind, key))


def add_lead(env: Environment, **values: Any) -> Lead:
    with env.database.write() as session:
        return make_lead(session, env, **values)


def told(env: Environment) -> list[tuple[str, dict[str, Any]]]:
    """Return (lead, properties) of every `record_changed`, in the order they were written."""
    with env.database.read() as session:
        rows = session.exec(select(Event).where(Event.type == "record_changed").order_by(col(Event.id))).all()
    return [(row.subject_id, row.properties) for row in rows]


def problems(env: Environment, incoming: IncomingRecord) -> dict[str, str]:
    with pytest.raises(RecordError) as raised:
        upsert_record(env, incoming)
    return {one.field: one.problem for one in raised.value.problems}


def test_a_record_is_written_once_and_the_same_again_changes_nothing(
    env: Environment, clock: ManualClock
) -> None:
    first = put_seminar(env)
    clock.advance(days=1)
    again = put_seminar(env)
    assert (first.status, again.status, again.changed) == ("created", "unchanged", ())
    row = record(env, "seminar", "s1")
    assert row.fields == {"title": "製造業のDX入門", "starts_at": "2026-11-26T01:00:00+00:00"}
    assert row.updated_at == NOW
    later = put_seminar(env, title="製造業のDX応用")
    assert (later.status, later.changed) == ("changed", ("title",))
    assert record(env, "seminar", "s1").updated_at == clock.now()


def test_the_same_instant_in_another_zone_is_no_change(env: Environment) -> None:
    put_seminar(env)
    same = IncomingRecord("seminar", "s1", {"starts_at": "2026-11-26T10:00:00+09:00"})
    assert upsert_record(env, same).status == "unchanged"


def test_fields_that_are_not_named_stay_and_null_clears(env: Environment) -> None:
    put_seminar(env)
    upsert_record(env, IncomingRecord("seminar", "s1", {"starts_at": None}))
    assert record(env, "seminar", "s1").fields == {"title": "製造業のDX入門"}


def test_a_dry_comparison_writes_nothing(env: Environment) -> None:
    lead = add_lead(env)
    incoming = IncomingRecord("estimate", "E-1", {"amount": 5}, lead=lead.id)
    with env.database.read() as session:
        result = compare_record(session, env, check_record(session, env, incoming))
    assert (result.status, result.changed) == ("created", ("amount", "lead"))
    with env.database.read() as session:
        assert session.exec(select(func.count()).select_from(Record)).one() == 0


def test_an_unknown_kind_and_field_get_the_nearest_name(env: Environment) -> None:
    with pytest.raises(NoSuchKindError, match="did you mean `seminar`"):
        upsert_record(env, IncomingRecord("seminer", "s1"))
    found = problems(env, IncomingRecord("seminar", "s1", {"start_at": "x", "hall": "東京"}))
    assert found["fields.start_at"] == "no such field is declared; did you mean `starts_at`?"
    assert found["fields.hall"] == "no such field is declared; known: `starts_at`, `title`"


def test_all_problems_of_a_record_come_at_once(env: Environment) -> None:
    incoming = IncomingRecord(
        "contract",
        " K-1 ",
        {"renews_on": "2027/02/01", "status": "activ"},
        lead="nobody@kaisha.example",
        company="",
    )
    assert problems(env, incoming) == {
        "key": "a key has 1 to 200 characters, without control characters or outer spaces",
        "fields.renews_on": "not a date; examples are 2027-04-05 and 2027-04",
        "fields.status": "not one of its values; did you mean `active`?",
        "lead": "there is no such lead; name it by its id or mail address",
    }


@pytest.mark.parametrize(
    ("incoming", "field", "problem"),
    [
        (IncomingRecord("estimate", "E-1"), "lead", "`estimate` belongs to a lead: name it"),
        (IncomingRecord("contract", "K-1"), "company", "`contract` belongs to a company: name it"),
        (
            IncomingRecord("seminar", "s1", lead="x"),
            "lead",
            "`seminar` belongs to no lead and has no contact",
        ),
        (IncomingRecord("seminar", "s1", company="ベータ"), "company", "`seminar` belongs to no company"),
        (IncomingRecord("contract", "K", lead="not@@an"), "lead", "not a mail address"),
        (IncomingRecord("contract", "K", company="社" * 201), "company", "longer than 200 characters"),
    ],
)
def test_whose_a_record_is_follows_its_declaration(
    env: Environment, incoming: IncomingRecord, field: str, problem: str
) -> None:
    assert problem in problems(env, incoming)[field]


def test_an_erased_lead_has_no_records(env: Environment) -> None:
    lead = add_lead(env, erased_at=NOW)
    assert "lead" in problems(env, IncomingRecord("estimate", "E-1", lead=lead.id))


def test_a_lead_is_named_by_address_and_a_merged_one_is_followed(env: Environment) -> None:
    kept = add_lead(env, email="hanako@kaisha.example")
    merged = add_lead(env, merged_into=kept.id)
    upsert_record(env, IncomingRecord("estimate", "E-1", lead="Hanako@Kaisha.example"))
    upsert_record(env, IncomingRecord("estimate", "E-2", lead=merged.id))
    assert record(env, "estimate", "E-1").lead_id == kept.id
    assert record(env, "estimate", "E-2").lead_id == kept.id


def test_a_companys_record_is_found_by_name_or_by_its_contact(env: Environment) -> None:
    contact = add_lead(env, company="ベータ商事")
    with env.database.write() as session:
        company = session.get_one(Company, contact.company_id)
        company.name, company.name_key = "ベータ商事株式会社", "ベータ商事"
        session.add(company)
    for key, values in (
        ("K-1", {"company": "㈱ベータ商事"}),
        ("K-2", {"company": contact.company_id}),
        ("K-3", {"lead": contact.id}),
    ):
        upsert_record(env, IncomingRecord("contract", key, {"renews_on": RENEWAL}, **values))
        assert record(env, "contract", key).company_id == contact.company_id
    upsert_record(env, IncomingRecord("contract", "K-1", {"renews_on": "2028-02-01"}))
    assert record(env, "contract", "K-1").company_id == contact.company_id


def test_a_company_that_nobody_named_before_is_made(env: Environment) -> None:
    result = upsert_record(env, IncomingRecord("contract", "K-1", company="株式会社ガンマ"))
    with env.database.read() as session:
        company = session.get_one(Company, result.record.company_id)
    assert (company.name, company.name_key) == ("株式会社ガンマ", "ガンマ")
    again = upsert_record(env, IncomingRecord("contract", "K-1", company="ガンマ（株）"))
    assert again.status == "unchanged"


# --- who is told --------------------------------------------------------------------------------


def test_the_leads_concerned_hear_of_each_field_that_changed(env: Environment) -> None:
    lead = add_lead(env)
    upsert_record(env, IncomingRecord("estimate", "E-1", {"amount": 5}, lead=lead.id))
    upsert_record(env, IncomingRecord("estimate", "E-1", {"amount": 6, "valid_until": "2027-01"}))
    mine = {"record": "estimate", "key": "E-1"}
    assert told(env) == [
        (lead.id, mine | {"field": "amount"}),
        (lead.id, mine | {"field": "lead"}),
        (lead.id, mine | {"field": "amount"}),
        (lead.id, mine | {"field": "valid_until"}),
    ]


def test_a_new_contact_and_the_old_one_are_told(env: Environment) -> None:
    old, new = add_lead(env, company="ベータ"), add_lead(env, company="ベータ")
    upsert_record(env, IncomingRecord("contract", "K-1", lead=old.id))
    before = len(told(env))
    result = upsert_record(env, IncomingRecord("contract", "K-1", lead=new.id))
    assert result.changed == ("lead",)
    assert {lead for lead, _ in told(env)[before:]} == {old.id, new.id}


def test_a_seminar_without_journeys_tells_nobody(env: Environment) -> None:
    assert put_seminar(env).told == 0
    assert told(env) == []


def test_everybody_in_a_journey_for_the_record_is_told_and_nobody_else(env: Environment) -> None:
    people = []
    for name, key in (("hanako", "s1"), ("jiro", "s1"), ("saburo", "s2")):
        result = report(
            env, "seminar_registered", email=f"{name}@kaisha.example", properties={"seminar": key}
        )
        people.append(result.lead_id)
    settle(env)
    assert put_seminar(env).told == 2
    assert {lead for lead, _ in told(env)} == set(people[:2])


def test_a_key_of_another_kind_tells_nobody(env: Environment) -> None:
    report(env, "seminar_registered", email="hanako@kaisha.example", properties={"seminar": "K-1"})
    settle(env)
    assert upsert_record(env, IncomingRecord("contract", "K-1", company="株式会社ガンマ")).told == 0


def test_a_companys_record_without_a_contact_is_told_to_its_foremost_person(env: Environment) -> None:
    first = add_lead(env, company="ベータ")
    second = add_lead(env, company_id=first.company_id)
    with env.database.write() as session:
        session.add(LeadScore(lead_id=second.id, model="engagement", points=9, read_at=NOW))
    upsert_record(env, IncomingRecord("contract", "K-1", {"renews_on": RENEWAL}, company=first.company_id))
    assert {lead for lead, _ in told(env)} == {second.id}


# --- values -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "value", "stored"),
    [
        ("int", 3, 3),
        ("bool", True, True),
        ("text", "稟議中", "稟議中"),
        ("date", "2027-04", "2027-04"),
        ("date", "2027-04-05", "2027-04-05"),
        ("datetime", "2027-04-05T10:00:00+09:00", "2027-04-05T01:00:00+00:00"),
    ],
)
def test_values_of_programs_are_stored_in_one_form(kind: Any, value: object, stored: object) -> None:
    assert read_value(value, p.FieldSpec(type=kind)) == stored


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("int", "3"),
        ("int", True),
        ("int", 3.0),
        ("int", 2**53),
        ("bool", 1),
        ("text", 3),
        ("text", "a" * 2001),
        ("text", "a\x00"),
        ("date", "2027-02-30"),
        ("date", "2027-13"),
        ("date", "20270405"),
        ("date", "2027-W01-1"),
        ("datetime", "2027-03-05T10:00:00"),
        ("datetime", "tomorrow"),
        ("enum", "ended"),
        ("enum", 3),
    ],
)
def test_values_of_another_type_are_refused_without_repeating_them(kind: Any, value: object) -> None:
    with pytest.raises(ValueProblemError) as raised:
        read_value(value, p.FieldSpec(type=kind, values=("active",)))
    assert str(value) not in str(raised.value) or len(str(value)) < 4


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("2027年4月5日", "date", "2027-04-05"),
        ("２０２７－０４", "date", "2027-04"),
        ("1,200", "int", 1200),
        ("はい", "bool", True),
        (" ACTIVE ", "enum", "active"),
    ],
)
def test_cells_may_be_written_as_people_do(text: str, kind: Any, value: object) -> None:
    spec = p.FieldSpec(type=kind, values=("active", "ended"))
    assert read_cell(text, spec) == value
    assert read_value(read_cell(text, spec), spec) == value
