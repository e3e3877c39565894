"""The steps that write onto the lead and tell other scenarios: every setting, every error."""

from __future__ import annotations

from pathlib import Path

import pytest

from leadloop.language.plan import EnrolStep, RecordStep, SetStep, TagStep, Target, UntagStep, WebhookStep
from tests.language.rich_workspace import check, problems, steps_of


def test_set_writes_fields_of_their_types(tmp_path: Path) -> None:
    step = steps_of(
        tmp_path,
        "  - id: a\n    set: {industry: it, employees: 300, purchase_timing: 2027-04-01, job_title: 部長}\n",
    )["a"]
    assert isinstance(step, SetStep)
    assert step.fields == {
        "industry": "it",
        "employees": 300,
        "purchase_timing": "2027-04-01",
        "job_title": "部長",
    }


@pytest.mark.parametrize(
    ("settings", "code", "words"),
    [
        ("{industry: IT}", "SCN104", "did you mean `it`?"),
        ("{employees: '300'}", "SCN105", "without quotes"),
        ("{purchase_timing: 2027-4-1}", "SCN107", "2027-04-01"),
        ("{employes: 300}", "SCN201", "did you mean `employees`?"),
        ("{stage: mql}", "SCN112", "`stage` step"),
        ("{tags: vip}", "SCN112", "`tag`"),
        ("{score: 3}", "SCN112", "`score` step"),
        ("{email: a@b.example}", "SCN112", "identity"),
        ("{owner: sato@acme.example}", "SCN112", "hand_off"),
        ("{created_at: 2027-04-01}", "SCN112", "engine"),
        ("{}", "SCN113", "`set` is empty"),
        ("industry", "SCN102", "a map"),
    ],
)
def test_set_refuses(tmp_path: Path, settings: str, code: str, words: str) -> None:
    found = problems(tmp_path, f"  - set: {settings}\n")
    assert [code for code, _ in found] == [code]
    assert words in found[0][1]


def test_tag_takes_one_or_a_list(tmp_path: Path) -> None:
    found = steps_of(tmp_path, "  - id: a\n    tag: vip\n  - id: b\n    untag: [vip, partner, vip]\n")
    assert found["a"] == TagStep(id="a", line=7, next=Target(step="b"), tags=("vip",))
    assert found["b"] == UntagStep(id="b", line=9, tags=("vip", "partner"))


@pytest.mark.parametrize(
    ("step", "code", "words"),
    [
        ("tag: vpi", "SCN201", "did you mean `vip`?"),
        ("untag: [vip, partnr]", "SCN201", "did you mean `partner`?"),
        ("tag: []", "SCN113", "`tag` is empty"),
        ("tag: {vip: true}", "SCN102", "a text"),
        ("stage: mlq", "SCN201", "did you mean `mql`?"),
        ("score: {model: engagemnt, points: 5}", "SCN201", "did you mean `engagement`?"),
        ("score: {model: fit}", "SCN103", "`points`"),
        ("score: {points: 5}", "SCN103", "`model`"),
        ("score: {model: fit, points: 1.5}", "SCN105", "whole number"),
    ],
)
def test_lead_steps_refuse(tmp_path: Path, step: str, code: str, words: str) -> None:
    found = problems(tmp_path, f"  - {step}\n")
    assert [code for code, _ in found] == [code]
    assert words in found[0][1]


def test_record_has_properties_of_their_types(tmp_path: Path) -> None:
    step = steps_of(
        tmp_path,
        "  - id: a\n    record: {event: reactivated, why: 再訪, day: 2027-04-01,"
        " at: 2027-04-01T10:00:00+09:00, count: 3, loud: true, kind: contact}\n",
    )["a"]
    assert isinstance(step, RecordStep)
    assert step.event == "reactivated"
    assert step.properties == {
        "why": "再訪",
        "day": "2027-04-01",
        "at": "2027-04-01T10:00:00+09:00",
        "count": 3,
        "loud": True,
        "kind": "contact",
    }


@pytest.mark.parametrize(
    ("settings", "code", "words"),
    [
        ("{why: 再訪}", "SCN103", "`event`"),
        ("{event: reactivatd}", "SCN201", "did you mean `reactivated`?"),
        ("{event: deal_won}", "SCN201", "unknown declared event `deal_won`"),
        ("{event: reactivated, wyh: a}", "SCN201", "did you mean `why`?"),
        ("{event: reactivated, count: many}", "SCN105", "whole number"),
        ("{event: reactivated, loud: yes}", "SCN106", "true or false"),
        ("{event: reactivated, kind: contct}", "SCN104", "did you mean `contact`?"),
        ("{event: reactivated, at: 2027-04-01 10:00}", "SCN107", "+09:00"),
        ("{event: reactivated, day: tomorrow}", "SCN107", "not a date"),
        ("reactivated", "SCN102", "a map"),
    ],
)
def test_record_refuses(tmp_path: Path, settings: str, code: str, words: str) -> None:
    found = problems(tmp_path, f"  - record: {settings}\n")
    assert [code for code, _ in found] == [code]
    assert words in found[0][1]


def test_enrol_names_another_scenario(tmp_path: Path) -> None:
    other = "scenario: other\ntopic: nurture\nentry: [{manual: true}]\nsteps: [{stage: mql}]\n"
    found = check(tmp_path, "  - id: a\n    enrol: {scenario: other}\n", more={"scenarios/other.yaml": other})
    assert found.errors == []
    assert found.require().plans["welcome"].steps["a"] == EnrolStep(id="a", line=7, scenario="other")


@pytest.mark.parametrize(
    ("step", "code", "words"),
    [
        ("enrol: {}", "SCN103", "`scenario`"),
        ("enrol: {scenario: a, now: true}", "SCN101", "`now`"),
        ("webhook: {}", "SCN103", "`to`"),
        ("webhook: {to: crmm}", "SCN201", "did you mean `crm`?"),
        ("webhook: {to: crm, on_done: a}", "SCN101", "`on_done`"),
    ],
)
def test_outside_steps_refuse(tmp_path: Path, step: str, code: str, words: str) -> None:
    found = problems(tmp_path, f"  - id: x\n    {step}\n")
    assert code in [code for code, _ in found]
    assert any(words in text for _, text in found)


def test_webhook_has_a_way_for_failure(tmp_path: Path) -> None:
    step = steps_of(tmp_path, "  - id: a\n    webhook: {to: crm, on_fail: {exit: no_crm}}\n")["a"]
    assert step == WebhookStep(id="a", line=7, to="crm", on_fail=Target(exit="no_crm"))
