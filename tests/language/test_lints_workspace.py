"""Lints of the shared files, and of two scenarios that mail on the same occasion."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.language.workspaces import FILES, Files, compiled, edited

W, N, G = "scenarios/workspace.yaml", "scenarios/welcome.yaml", "scenarios/segments.yaml"
SEND = "{id: a, send: {template: mail/case}}"


def codes(tmp_path: Path, files: Files) -> list[str]:
    compilation = compiled(tmp_path, files)
    assert compilation.errors == [], [one.render() for one in compilation.errors]
    return [one.code for one in compilation.warnings]


def pair(first: str, second: str, header: str = "", steps: str = SEND) -> Files:
    return {
        G: "newsletter: {when: lead.in_sales}\nothers: {when: '!lead.in_sales'}\n",
        N: f"scenario: a\ntopic: nurture\nentry: [{first}]\nsteps: [{SEND}]\n",
        "scenarios/z.yaml": f"scenario: z\ntopic: nurture\nentry: [{second}]\n{header}steps: [{steps}]\n",
    }


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("{event: deal_lost}", "{event: deal_lost}", True),
        ("{event: deal_lost, reason: timing}", "{event: deal_lost}", True),
        ("{event: deal_lost, reason: timing}", "{event: deal_lost, reason: no_budget}", False),
        ("{event: deal_lost}", "{event: deal_lost, where: event.amount > 5}", False),
        ("{stage: [mql, customer]}", "{stage: customer}", True),
        ("{stage: mql}", "{stage: customer}", False),
        ("{segment: newsletter}", "{segment: newsletter}", True),
        ("{segment: newsletter}", "{segment: others}", False),
        ("{inactive: 30 days}", "{inactive: 90 days}", True),
        ("{manual: true}", "{manual: true}", False),
    ],
)
def test_same_occasion_is_told(tmp_path: Path, first: str, second: str, same: bool) -> None:
    assert codes(tmp_path, pair(first, second)) == (["SCN520"] if same else [])


@pytest.mark.parametrize(
    ("header", "steps"),
    [
        ("audience: lead.in_sales\n", "{id: a, send: {template: mail/case}}"),
        ("", "{wait: 1 day}, {id: a, send: {template: mail/case}}"),
        ("", "{id: a, send: {template: mail/case, topic: service}}"),
    ],
)
def test_mails_that_are_apart_are_fine(tmp_path: Path, header: str, steps: str) -> None:
    assert codes(tmp_path, pair("{stage: mql}", "{stage: mql}", header, steps)) == []


def test_scenarios_of_one_group_do_not_meet(tmp_path: Path) -> None:
    files = pair("{stage: mql}", "{stage: mql}", "group: g\n")
    assert codes(tmp_path / "a", files) == ["SCN520"]
    files[N] = str(files[N]).replace("topic:", "group: g\ntopic:")
    assert codes(tmp_path / "b", files) == []


def test_mail_behind_a_condition_counts(tmp_path: Path) -> None:
    steps = "{if: lead.in_sales, then: [{id: a, send: {template: mail/case}}]}"
    assert codes(tmp_path, pair("{stage: mql}", "{stage: mql}", "", steps)) == ["SCN520"]


def test_same_occasion_may_be_allowed(tmp_path: Path) -> None:
    allow = "allow: {SCN520: 担当部署が違う}\n"
    assert codes(tmp_path, pair("{stage: mql}", "{stage: mql}", allow)) == []


@pytest.mark.parametrize(
    ("calendar", "told"),
    [
        ("{open: {mon: []}}", True),
        ("{closed: [01-01..12-31], open: {mon-fri: 09:00-18:00}}", True),
        ("{closed: [12-29..01-03], open: {sat: 10:00-12:00}}", False),
    ],
)
def test_send_window_must_open(tmp_path: Path, calendar: str, told: bool) -> None:
    files = edited(W, "{holidays: JP, closed: [12-29..01-03], open: {mon-fri: 09:00-18:00}}", calendar)
    compilation = compiled(tmp_path, files)
    assert ("SCN521" in [one.code for one in compilation.warnings]) == told


def test_calendar_that_no_mail_waits_for_may_stay_closed(tmp_path: Path) -> None:
    files = edited(W, "  office: {", "  closed-days: {open: {mon: []}}\n  office: {")
    assert "SCN521" not in [one.code for one in compiled(tmp_path, files).warnings]


def test_faulty_calendar_is_told_once(tmp_path: Path) -> None:
    files = edited(W, "{mon-fri: 09:00-18:00}", "{mon-fry: 09:00-18:00}")
    assert [one.code for one in compiled(tmp_path, files).diagnostics] == ["SCN107"]


@pytest.mark.parametrize("setting", ["postal_address", "complaint_contact"])
def test_sender_of_advertising_is_complete(tmp_path: Path, setting: str) -> None:
    text = FILES[W].replace(setting, "reply_to")
    if setting == "postal_address":
        text = text.replace("reply_to: 東京都千代田区, ", "")
    (warning,) = compiled(tmp_path / "a", {W: text}).warnings
    assert (warning.code, setting in warning.message) == ("SCN522", True)
    allowed = compiled(tmp_path / "c", {W: text + "allow: {SCN522: 社内だけに送る}\n"})
    assert allowed.diagnostics == []
    answers = text.replace("basis: [opt_in, customer]", "basis: [request]")
    assert compiled(tmp_path / "b", {W: answers}).warnings == []
