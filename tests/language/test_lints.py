"""Lints of steps, of thresholds and of templates: when they fire, when they do not, how to allow them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.language.rich_workspace import RICH, check, problems
from tests.language.workspaces import FILES, LAYOUT, MAIL, Files, compiled, edited

S = "scenarios/scoring.yaml"
THANKS = "templates/mail/thanks.ja.md"
LAYOUT_PATH = "templates/layouts/default.ja.html.j2"
CALL = "type: call, due: 1 business day"


def lints(folder: Path, steps: str) -> list[str]:
    return [code for code, _ in problems(folder, steps)]


@pytest.mark.parametrize(
    ("steps", "codes"),
    [
        (f"  - id: a\n    task: {{{CALL}, to: owner, outcomes: [x]}}\n", ["SCN512"]),
        (f"  - id: a\n    task: {{{CALL}, to: owner, else: inside-sales, outcomes: [x]}}\n", []),
        (
            f"  - id: a\n    task: {{{CALL}, to: inside-sales, outcomes: [won, refused]}}\n"
            "  - id: b\n    send: {template: mail/case}\n",
            ["SCN516"],
        ),
        (
            f"  - id: a\n    task: {{{CALL}, to: inside-sales, outcomes: [won, refused]}}\n  - exit: b\n",
            [],
        ),
        (
            f"  - id: a\n    task: {{{CALL}, to: inside-sales, outcomes: [x, refused],\n"
            "           on_refused: {exit: no}}\n"
            "  - id: b\n    send: {template: mail/case}\n",
            [],
        ),
        ("  - id: a\n    repeat: {max: 3, steps: [{wait: 1 day}, {exit: b}]}\n", ["SCN515"]),
        ("  - id: a\n    repeat: {max: 3, steps: [{wait: 1 day}]}\n", []),
        (
            "  - id: a\n    experiment: {metric: {did: email_clicked}, variants: "
            "{a: {share: 0.5 %, steps: [{tag: vip}]}, b: {steps: [{tag: vip}]}}}\n",
            ["SCN513"],
        ),
        (
            "  - id: a\n    experiment: {metric: {did: email_clicked}, rest: {after: 1 day, tie: a},\n"
            "                 variants: {a: {share: 5 %, steps: [{tag: vip}]},\n"
            "                            b: {share: 5 %, steps: [{tag: vip}]}}}\n",
            ["SCN514"],
        ),
    ],
)
def test_step_lints(tmp_path: Path, steps: str, codes: list[str]) -> None:
    assert lints(tmp_path, steps) == codes


@pytest.mark.parametrize(
    ("steps", "last"),
    [
        ("{m1}{m2}  - wait: 3 business days\n{m3}", "c"),
        ("{m1}{m2}  - wait: 7 days\n{m3}", None),
        ("{m1}  - wait: 3 days\n{m2}  - wait: 4 days\n{m3}", None),
        ("{m1}  - id: s\n    stream: {{of: tips, every: 3 days}}\n", "s"),
        ("  - id: s\n    stream: {{of: tips, every: 4 days}}\n", None),
        ("  - id: s\n    stream: {{of: tips, every: 2 days}}\n", "s"),
        ("{m1}{m2}  - id: w\n    await: [{{event: page_viewed, go: c}}]\n    timeout: 8 days\n{m3}", None),
        ("{m1}{m2}  - id: w\n    await: [{{event: page_viewed, go: x}}]\n    timeout: 1 day\n{m3}"
         "  - id: x\n    stage: mql\n", "c"),
        ("{m1}{m2}  - wait: {{until: lead.purchase_timing}}\n{m3}", None),
        ("{m1}{m2}  - id: c\n    send: {{template: mail/case, topic: service}}\n", None),
    ],
)  # fmt: skip
def test_pace_is_counted_where_only_time_decides(tmp_path: Path, steps: str, last: str | None) -> None:
    mails = {
        f"m{at}": f"  - id: {name}\n    send: {{template: mail/case}}\n" for at, name in enumerate("abc", 1)
    }
    found = check(tmp_path, steps.format(**mails)).warnings
    lines = [one.place.source.line(one.line) for one in found if one.code == "SCN509"]
    assert lines == ([] if last is None else [f"  - id: {last}"])


@pytest.mark.parametrize(
    ("changed", "condition", "codes"),
    [
        ({}, "lead.score.engagement >= 101", ["SCN507"]),
        ({}, "lead.score.engagement > 100", ["SCN507"]),
        ({}, "lead.score.engagement >= 99", []),
        ({}, "lead.score.fit >= 21", ["SCN507"]),
        ({}, "lead.score.fit >= 20", []),
        ({}, "21 <= lead.score.fit", ["SCN507"]),
        ({}, "20 < lead.score.fit", ["SCN507"]),
        ({}, "20 <= lead.score.fit", []),
        ({}, "21 <= lead.score.fit + 5", []),
        ({}, "1 + 20 < lead.score.fit", []),
        (
            edited(S, "event: email_clicked", "event: email_opened"),
            "lead.score.engagement >= 40",
            ["SCN508"] * 3,
        ),
        (edited(S, "{hot: 30,", "{hot: 300,"), "lead.in_sales", ["SCN507"]),
    ],
)
def test_thresholds_nobody_or_everybody_reaches(
    tmp_path: Path, changed: Files, condition: str, codes: list[str]
) -> None:
    found = check(tmp_path, f"  - if: {condition}\n    then: [{{tag: vip}}]\n", more=changed).warnings
    assert [one.code for one in found] == codes


def test_points_of_a_step_count_for_what_can_be_reached(tmp_path: Path) -> None:
    steps = "  - score: {model: fit, points: 5}\n  - if: lead.score.fit >= 21\n    then: [{tag: vip}]\n"
    assert lints(tmp_path, steps) == []


def test_allowed_lint_of_a_step_is_silent(tmp_path: Path) -> None:
    steps = "  - id: s\n    allow: {SCN509: 短い講座}\n    stream: {of: tips, every: 1 day}\n"
    assert lints(tmp_path, steps) == []


def test_allowance_that_nothing_needs_is_a_lint(tmp_path: Path) -> None:
    steps = "  - id: s\n    allow: {SCN509: 短い講座}\n    stream: {of: tips, every: 1 week}\n"
    found = check(tmp_path, steps).warnings
    assert [(one.code, one.line, one.column) for one in found] == [("SCN523", 8, 13)]


@pytest.mark.parametrize(
    "body",
    [
        "{{ lead.family_name | default('お客様') }}{{ lead | addressee }}{{ lead.email }}{{ lead.stage }}",
        "{% if lead.family_name %}{{ lead.family_name }}様{% else %}お客様{% endif %}",
        "{{ lead.family_name if lead.family_name else 'お客様' }}{{ lead.family_name or 'お客様' }}",
        "{% for tag in lead.tags %}{{ tag }}{% endfor %}{% if lead.owner == 'x' %}y{% endif %}",
        "{{ 'はい' if lead.employees > 3 else 'いいえ' }}{{ lead.score.engagement }}",
    ],
)
def test_field_that_is_asked_for_is_no_lint(tmp_path: Path, body: str) -> None:
    assert compiled(tmp_path, {THANKS: MAIL + body}).diagnostics == []


@pytest.mark.parametrize(
    ("body", "column", "name"),
    [
        ("{{ lead.family_name }}様", 4, "lead.family_name"),
        ("{{ lead.company.name }}", 4, "lead.company.name"),
        ("{{ company.name | upper }}", 4, "company.name"),
        ("{% if lead.owner %}{{ lead.employees }}{% endif %}", 23, "lead.employees"),
        ("{{ lead.industry.upper() }}", 4, "lead.industry"),
        ("{{ 'a' ~ lead.industry }}", 10, "lead.industry"),
    ],
)
def test_field_that_may_be_empty_is_a_lint(tmp_path: Path, body: str, column: int, name: str) -> None:
    found = compiled(tmp_path, {THANKS: MAIL + body}).diagnostics
    assert [(one.code, one.line, one.column) for one in found] == [("SCN511", 6, column)]
    assert f"`{name}`" in found[0].message


def test_front_matter_allows_lints(tmp_path: Path) -> None:
    mail = MAIL.replace("---\n{", "allow: {SCN511: 会員には必ず姓がある}\n---\n{") + "{{ lead.family_name }}"
    assert compiled(tmp_path, {THANKS: mail}).diagnostics == []


@pytest.mark.parametrize(
    ("allow", "code"),
    [
        ("{SCN511: 理由}", "SCN523"),
        ("{SCN599: 理由}", "SCN201"),
        ("{SCN511: }", "SCN452"),
        ("いいえ", "SCN452"),
    ],
)
def test_front_matter_allows_only_what_is_there(tmp_path: Path, allow: str, code: str) -> None:
    mail = MAIL.replace("---\n{", f"allow: {allow}\n---\n{{")
    assert [(one.code, one.line) for one in compiled(tmp_path, {THANKS: mail}).diagnostics] == [(code, 3)]


@pytest.mark.parametrize("missing", ["unsubscribe_url", "sender.name", "sender.postal_address"])
def test_advertising_shows_what_the_law_wants(tmp_path: Path, missing: str) -> None:
    layout = LAYOUT.replace(missing, "locale")
    found = compiled(tmp_path, {LAYOUT_PATH: layout}).diagnostics
    assert [(one.code, one.path, one.values["missing"]) for one in found] == [
        ("SCN510", LAYOUT_PATH, missing)
    ]


def test_answer_to_a_request_needs_no_unsubscribe_link(tmp_path: Path) -> None:
    steps = "  - id: a\n    send: {template: mail/case, topic: service}\n"
    layout = LAYOUT.replace("unsubscribe_url", "locale")
    assert check(tmp_path, steps, more={LAYOUT_PATH: layout}).diagnostics == []


def test_template_may_show_it_itself(tmp_path: Path) -> None:
    steps = "  - id: a\n    send: {template: mail/case}\n"
    layout = LAYOUT.replace("unsubscribe_url", "locale")
    more: Files = {LAYOUT_PATH: layout, "templates/mail/case.ja.md": MAIL + "[停止]({{ unsubscribe_url }})"}
    assert check(tmp_path, steps, more=more).diagnostics == []


SECOND = FILES["scenarios/welcome.yaml"].replace("scenario: welcome", "scenario: second")


@pytest.mark.parametrize("template", ["templates/mail/case.ja.md", "templates/tips/1.ja.md"])
def test_template_is_in_scope_for_all_who_send_it(tmp_path: Path, template: str) -> None:
    other = SECOND.replace("{event: form_submitted, form: whitepaper}", "{event: page_viewed, path: /a}")
    files: Files = {"scenarios/second.yaml": other, template: MAIL + "{{ run.entry.form }}"}
    found = compiled(tmp_path, files).errors
    assert [(one.code, one.path, one.line, one.column) for one in found] == [("SCN457", template, 6, 4)]
    assert "`second`" in found[0].message
    assert "run.entry.path" in found[0].hint


def test_template_knows_the_record_of_the_journey(tmp_path: Path) -> None:
    workspace = str(RICH["scenarios/workspace.yaml"]) + (
        "records: {seminar: {fields: {title: text, starts_at: datetime}}}\n"
    )
    workspace = workspace.replace("  form_submitted:", "  joined: {seminar: seminar}\n  form_submitted:")
    header = SECOND.partition("steps:\n")[0].replace("goal:", "per: seminar\ngoal:")
    seminar = header.replace("form_submitted, form: whitepaper", "joined")
    files: Files = {
        "scenarios/workspace.yaml": workspace,
        "scenarios/second.yaml": f"{seminar}steps:\n  - id: a\n    send: {{template: mail/case}}\n",
        "templates/mail/case.ja.md": MAIL + "{{ run.seminar.title }} {{ run.seminar.key }}",
        "scenarios/welcome.yaml": None,
    }
    assert compiled(tmp_path, files).diagnostics == []
    wrong: Files = {**files, "templates/mail/case.ja.md": MAIL + "{{ run.seminar.titel }}"}
    assert [one.code for one in compiled(tmp_path / "b", wrong).errors] == ["SCN453"]


def test_notice_is_checked_like_a_mail(tmp_path: Path) -> None:
    more: Files = {"templates/notify/hot.ja.md": MAIL + "{{ run.entry.path }}"}
    steps = "  - notify: {to: owner, template: notify/hot}\n"
    assert [one.code for one in check(tmp_path, steps, more=more).errors] == ["SCN457"]
