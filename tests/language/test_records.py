"""Records, webhooks and the vocabulary that comes with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from leadloop.language.plan import FieldSpec, RecordKind, Webhook
from tests.language.workspaces import FILES, Files, compiled, edited

W, N = "scenarios/workspace.yaml", "scenarios/welcome.yaml"
RECORDS = """\
records:
  seminar: {fields: {title: text, starts_at: datetime, seats: {type: int}}}
  contract:
    of: company
    contact: lead
    fields: {renews_on: date, status: {type: enum, values: [active, ended]}}
"""


def workspace(more: str) -> Files:
    text = FILES[W].replace(
        "  page_viewed:",
        "  event_attended: {seminar: seminar, rating: {type: enum, values: [良い, 悪い]}}\n  page_viewed:",
    )
    return {W: text + more}


def test_records_are_compiled(tmp_path: Path) -> None:
    found = compiled(tmp_path, workspace(RECORDS)).require().workspace
    assert found.records["seminar"] == RecordKind(
        fields={
            "title": FieldSpec(type="text"),
            "starts_at": FieldSpec(type="datetime"),
            "seats": FieldSpec(type="int"),
        }
    )
    contract = found.records["contract"]
    assert (contract.of, contract.contact) == ("company", "lead")
    assert contract.fields["status"].values == ("active", "ended")
    assert found.events["event_attended"]["seminar"] == FieldSpec(type="text", record="seminar")
    assert found.events["event_attended"]["rating"].values == ("良い", "悪い")
    assert found.events["record_changed"]["record"].values == ("seminar", "contract")


def test_record_of_a_journey_is_in_scope(tmp_path: Path) -> None:
    steps = """\
scenario: seminar
topic: nurture
per: seminar
entry: [{event: event_attended}, {manual: true, start: eve}]
steps:
  - id: eve
    wait: {until: run.seminar.starts_at - 1 day, at: 17:00}
  - id: big
    if: run.seminar.seats > 100 && run.entry.rating == "良い" && known(run.seminar.key)
    then: [{stage: mql}]
"""
    plan = compiled(tmp_path, {**workspace(RECORDS), N: steps}).require().plans["seminar"]
    assert plan.per == "seminar"
    broken = steps.replace("run.seminar.seats", "run.seminar.seat")
    error = compiled(tmp_path, {**workspace(RECORDS), N: broken}).errors[0]
    assert (error.code, "run.seminar.seats" in error.hint) == ("SCN302", True)
    named = steps.replace("id: big", "id: seminar")
    assert [one.code for one in compiled(tmp_path, {**workspace(RECORDS), N: named}).errors] == ["SCN109"]


@pytest.mark.parametrize(
    ("more", "code", "words"),
    [
        ("records: {seminar: {}}\n", "SCN103", "`fields`"),
        ("records: {Seminar: {fields: {title: text}}}\n", "SCN109", "lower-case"),
        ("records: {company: {fields: {title: text}}}\n", "SCN109", "the language uses this word"),
        ("records: {entry: {fields: {title: text}}}\n", "SCN109", "the language uses this word"),
        ("records: {seminar: {fields: {key: text}}}\n", "SCN109", "every record has a `key`"),
        ("records: {seminar: {fields: {title: txt}}}\n", "SCN201", "did you mean `text`?"),
        ("records: {seminar: {fields: {kind: enum}}}\n", "SCN112", "values: [a, b]"),
        ("records: {seminar: {of: person, fields: {title: text}}}\n", "SCN104", "`lead`"),
        (
            "records: {seminar: {contact: lead, fields: {title: text}}}\n",
            "SCN112",
            "of: company, contact: lead",
        ),
        ("records: {seminar: {of: lead, fields: {title: text}, key: x}}\n", "SCN101", "`key`"),
        ("webhooks: {crm: {url: 'https://example.com'}}\n", "SCN112", "each installation"),
        ("webhooks: {crm: {titel: CRM}}\n", "SCN101", "did you mean `title`?"),
    ],
)
def test_mistake_is_refused(tmp_path: Path, more: str, code: str, words: str) -> None:
    errors = compiled(tmp_path, {W: FILES[W] + more}).errors
    assert [one.code for one in errors] == [code]
    assert words in errors[0].render()


@pytest.mark.parametrize("name", ["entry_due", "enrol_requested", "score_crossed"])
def test_events_of_the_engine_are_not_declared(tmp_path: Path, name: str) -> None:
    files = edited(W, "  page_viewed:", f"  {name}: {{path: text}}\n  page_viewed:")
    assert [one.code for one in compiled(tmp_path, files).errors] == ["SCN203"]


@pytest.mark.parametrize("name", ["entry_due", "enrol_requested"])
def test_events_of_the_engine_are_not_matched(tmp_path: Path, name: str) -> None:
    files = edited(N, "event: form_submitted, form: whitepaper", f"event: {name}")
    assert [one.code for one in compiled(tmp_path, files).errors] == ["SCN201"]


@pytest.mark.parametrize(
    ("match", "code"),
    [
        ("event: score_crossed, model: fit, threshold: 50, direction: up", None),
        ("event: score_crossed, model: fti", "SCN104"),
        ("event: score_crossed, direction: upwards", "SCN104"),
        ("event: record_changed, record: contract, field: status", None),
        ("event: record_changed, record: contrat", "SCN104"),
        ("event: meeting_booked, where: event.starts_at > now", None),
        ("event: meeting_booked, starts_at: 2027-04-01", "SCN112"),
        ("event: call_logged, outcome: 不在", None),
    ],
)
def test_built_in_events_are_matched(tmp_path: Path, match: str, code: str | None) -> None:
    files = {**workspace(RECORDS), **edited(N, "event: form_submitted, form: whitepaper", match)}
    assert [one.code for one in compiled(tmp_path, files).errors] == ([] if code is None else [code])


def test_webhooks_and_limits_are_compiled(tmp_path: Path) -> None:
    files = edited(W, "limits: {", "webhooks: {crm: {title: 顧客管理}}\nlimits: {confirm_over: 500, ")
    found = compiled(tmp_path, files).require().workspace
    assert (found.webhooks, found.limits.confirm_over) == ({"crm": Webhook(title="顧客管理")}, 500)
    error = compiled(tmp_path, edited(W, "limits: {", "limits: {confirm_over: -1, ")).errors[0]
    assert error.code == "SCN105"


@pytest.mark.parametrize("name", ["segments", "tags", "score", "phone"])
def test_names_of_facts_are_no_fields(tmp_path: Path, name: str) -> None:
    files = edited(W, "  employees:", f"  {name}: {{type: text}}\n  employees:")
    assert [one.code for one in compiled(tmp_path, files).errors] == ["SCN203"]


def test_score_of_the_company_is_a_fact(tmp_path: Path) -> None:
    files = edited(N, "goal:", "audience: lead.company.score.fit > 50\ngoal:")
    audience = compiled(tmp_path, files).require().plans["welcome"].audience
    assert audience is not None
    assert audience.variables == {"lead.company.score.fit": "int"}
