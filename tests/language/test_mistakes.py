"""What marketers write by mistake: refused at the right character, with what to write instead."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.language.rich_workspace import check, problems
from tests.language.workspaces import compiled, edited

SEND = "  - id: thanks\n    send: {template: mail/thanks, topic: service}\n"
N, L, W, S = (f"scenarios/{name}.yaml" for name in ("welcome", "lifecycle", "workspace", "scoring"))


def told(folder: Path, steps: str, header: str = "") -> list[tuple[str, int, int, str]]:
    """Return (code, line below the header, column, hint or message) of the errors of some steps."""
    first = 7 + header.count("\n")
    found = check(folder, steps, header).errors
    return [(one.code, one.line - first, one.column, one.hint or one.message) for one in found]


@pytest.mark.parametrize(
    ("condition", "code", "column", "hint"),
    [
        ("lead.industry == “it”", "SCN305", 26, 'write `"`'),
        ("lead.industry == 「it」", "SCN305", 26, 'write `"`'),
        ("lead.employees ≧ 100", "SCN305", 24, "write `>=`"),
        ("lead.employees >= １００", "SCN305", 27, "write `1`"),
        ("lead.in_sales AND lead.in_sales", "SCN305", 23, "write `&&`"),
        ("lead.job_title == 部長", "SCN301", 27, 'write `"部長"`'),
        ("lead.industry == it", "SCN301", 26, 'write `"it"` if it is a text'),
        ("industry == 'it'", "SCN301", 9, "write `lead.industry`"),
        ("yes", "SCN301", 9, "write `true`"),
        ("lead.created_at > '2027-04-01'", "SCN301", 25, "a moment is `timestamp("),
        ("lead.tags == 'vip'", "SCN301", 19, 'ask what is in a list: `"vip" in lead.tags`'),
        ("run.thanks-mail.status == 'sent'", "SCN302", 9, "write `run.thanks_mail.status`"),
        ("lead.employees >= 'many'  # 従業員数", "SCN301", 24, "compare a value with one of its own type"),
    ],
)
def test_condition_is_refused_with_what_to_write(
    tmp_path: Path, condition: str, code: str, column: int, hint: str
) -> None:
    send = SEND.replace("id: thanks", "id: thanks-mail")
    steps = f"{send}  - if: {condition}\n    then: [{{tag: vip}}]\n"
    found = told(tmp_path, steps)
    assert [(one[0], one[1], one[2]) for one in found] == [(code, 2, column)]
    assert hint in found[0][3]


@pytest.mark.parametrize(
    "condition",
    ["|\n      // small or big, 規模は問わない\n      lead.employees > 0",
     "{all: ['lead.in_sales // 営業中', lead.in_sales]}"],
)  # fmt: skip
def test_comment_in_a_condition_may_say_anything(tmp_path: Path, condition: str) -> None:
    assert told(tmp_path, f"  - if: {condition}\n    then: [{{tag: vip}}]\n") == []


def test_field_may_have_the_name_of_a_word(tmp_path: Path) -> None:
    files = {
        **edited(W, "employees:", "or:"),
        **edited(S, "lead.employees >= 100", "lead.or >= 100"),
    }
    assert compiled(tmp_path, files).errors == []


def test_wrong_type_beside_another_setting_is_no_cut(tmp_path: Path) -> None:
    files = edited(S, "lead.employees >= 100", "lead.employees >= true")
    (found,) = compiled(tmp_path, files).errors
    assert (found.code, found.column) == ("SCN301", 41)


@pytest.mark.parametrize(
    ("steps", "code", "column", "hint"),
    [
        ("  - id: a\n      tag: vip\n", "SCN003", 10, "begin this line where the key on line 7 begins"),
        ("  - id:a\n    tag: vip\n", "SCN003", 8, "write a space after the colon on line 7"),
        ("  - id: a\n    title: メール: 御礼\n    tag: vip\n", "SCN003", 15, "put quotes around"),
        ("  - id: a\n    title: @home\n    tag: vip\n", "SCN003", 12, "put quotes around"),
        ("  - id: a\n  -\ttag: vip\n", "SCN007", 4, "use spaces"),
    ],
)
def test_yaml_slip_says_what_to_mend(tmp_path: Path, steps: str, code: str, column: int, hint: str) -> None:
    assert [(one[0], one[2]) for one in told(tmp_path, steps)] == [(code, column)]
    assert hint in told(tmp_path, steps)[0][3]


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ("  - wait: ３ days\n", "write `3 days`"),
        ("  - wait: 2週間後\n", "write `2 weeks`"),
        ("  - wait: 4 buisness hours\n", "write `4 business hours`"),
        ("  - wait: 4 business-hours\n", "write `4 business hours`"),
        ("  - wait: {until: 2027/4/1}\n", "write `2027-04-01`"),
        ("  - wait: {until: 2027-04-01 17時}\n", "write `17:00`"),
        ("  - wait: {until: 月曜 9:00}\n", "write `monday 09:00`"),
        ("  - wait: {for: 1 day, at: 9:00}\n", "write `09:00`"),
        ("  - wait: {until: monday, if_past: exit}\n", "`if_past` has no meaning here"),
        ("  - go: exit\n", "write `exit: OUTCOME` instead of `go`"),
        ("  - set: {timezone: Asia/Tokio}\n", "did you mean `Asia/Tokyo`?"),
        ("  - {id: in, tag: vip}\n", "`in` cannot be the name of a step"),
        ("  - {if: {not: [lead.in_sales]}, then: [{tag: vip}]}\n", "`not` must be a condition, not a list"),
    ],
)
def test_step_is_refused_with_what_to_write(tmp_path: Path, steps: str, words: str) -> None:
    found = problems(tmp_path, steps)
    assert any(words in text for _, text in found), found


@pytest.mark.parametrize(
    ("path", "old", "new", "column"),
    [
        (N, "form: whitepaper}", "form: whitepaper, stage: mql}", 47),
        (L, "event: deal_won}", "event: deal_won, stage: mql}", 48),
    ],
)
def test_stage_beside_an_event_is_not_ignored(
    tmp_path: Path, path: str, old: str, new: str, column: int
) -> None:
    (found,) = compiled(tmp_path, edited(path, old, new)).errors
    assert (found.code, found.column) == ("SCN101", column)


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [(W, "2 per 7 days", "2 per 5 business days"), (S, "1 per day", "1 per 2 business days"),
     (S, "at_most: 1 per day", "every: 3 times within 3 business days")],
)  # fmt: skip
def test_period_to_count_in_has_no_business_days(tmp_path: Path, path: str, old: str, new: str) -> None:
    (found,) = compiled(tmp_path, edited(path, old, new)).errors
    assert (found.code, "no calendar counts here" in found.message) == ("SCN107", True)


CALL = "  - id: c\n    task: {type: call, to: inside-sales, due: 1 day, outcomes: [ok], asks_date: true}\n"
ARMS = (
    "  - id: e\n    experiment:\n      metric: {did: email_clicked, of: sa, within: 1 day}\n      variants:\n"
    "        a: {steps: [{id: sa, send: {template: mail/case}}, {wait: 1 day}]}\n"
    "        b: {steps: [{tag: vip}"
)


@pytest.mark.parametrize(
    "steps",
    [
        f"  - if: run.c.outcome == 'ok'\n    then: [{{tag: vip}}]\n{CALL}",
        f"  - wait: {{until: run.c.date}}\n{CALL}",
        f"  - if: {{did: email_clicked, of: thanks}}\n    then: [{{tag: vip}}]\n{SEND}",
        f"  - id: r\n    await: [{{event: page_viewed, since: c, go: c}}]\n    timeout: 3 days\n{CALL}",
        ARMS + ", {if: {did: email_clicked, of: sa}, then: [{tag: vip}]}]}\n",
    ],
)
def test_looking_back_to_what_comes_later_is_refused(tmp_path: Path, steps: str) -> None:
    assert [one[0] for one in told(tmp_path, steps)] == ["SCN413"]


@pytest.mark.parametrize(
    "steps",
    [
        f"{CALL}  - if: run.c.outcome == 'ok'\n    then: [{{tag: vip}}]\n  - wait: {{until: run.c.date}}\n",
        "  - id: l\n    repeat:\n      max: 3\n      while: {not: {did: email_clicked, of: thanks}}\n"
        "      steps: [{id: thanks, send: {template: mail/thanks}}, {wait: 1 day}]\n",
        "  - id: s\n    stream: {of: tips, every: 1 week, until: {did: email_clicked, of: s}}\n",
        ARMS + "]}\n  - if: run.sa.status == 'sent'\n    then: [{tag: vip}]\n",
    ],
)
def test_looking_back_to_what_came_before_is_fine(tmp_path: Path, steps: str) -> None:
    assert told(tmp_path, steps) == []


def test_header_may_name_any_step(tmp_path: Path) -> None:
    header = "exit_when: [{event: email_clicked, of: thanks}, {when: run.thanks.status == 'failed'}]\n"
    assert told(tmp_path, f"  - wait: 1 day\n{SEND}", header) == []


@pytest.mark.parametrize("condition", ["2 * lead.score.engagement >= 60", "60 <= lead.score.engagement * 2"])
def test_waiting_condition_does_not_reckon_with_scores(tmp_path: Path, condition: str) -> None:
    found = told(tmp_path, SEND, f"exit_when: {{when: {condition}}}\n")
    assert [one[0] for one in found] == ["SCN308"]


def test_waiting_condition_does_not_hang_on_colleagues(tmp_path: Path) -> None:
    found = told(tmp_path, SEND, "exit_when: {when: lead.company.open_deals > 0}\n")
    assert [one[0] for one in found] == ["SCN309"]


BY_HAND = "topic: nurture\nentry: [{manual: true}]\nsteps:\n  - wait: 1 day\n"
ENROLLED = f"scenario: other\n{BY_HAND}  - enrol: {{scenario: %s}}\n"


@pytest.mark.parametrize(("back", "codes"), [("welcome", ["SCN412"]), ("third", [])])
def test_scenarios_that_enrol_into_each_other_are_a_loop(tmp_path: Path, back: str, codes: list[str]) -> None:
    entry = "  - {event: form_submitted, form: whitepaper}\n"
    files = {
        N: f"scenario: welcome\ntopic: nurture\nentry:\n{entry}  - {{manual: true}}\nsteps:\n"
        "  - enrol: {scenario: other}\n",
        "scenarios/other.yaml": ENROLLED % back,
        "scenarios/third.yaml": f"scenario: third\n{BY_HAND}",
    }
    assert [one.code for one in compiled(tmp_path, files).errors] == codes


def test_scenario_that_enrols_into_itself_is_a_loop(tmp_path: Path) -> None:
    files = {N: ENROLLED.replace("other", "welcome") % "welcome"}
    (found,) = compiled(tmp_path, files).errors
    assert (found.code, found.line) == ("SCN412", 6)
    assert "welcome → welcome" in found.message


def test_limit_of_a_band_is_found_before_the_score_too(tmp_path: Path) -> None:
    compilation = check(tmp_path, SEND, "audience: 30 <= lead.score.engagement\n")
    assert [(one.code, one.column) for one in compilation.warnings] == [("SCN504", 11)]


def test_clock_in_a_segment_is_refused_with_what_asks_for_time(tmp_path: Path) -> None:
    files = {"scenarios/segments.yaml": "old: {when: days_since(lead.created_at) > 30}\n"}
    (found,) = compiled(tmp_path, files).errors
    assert (found.code, found.column) == ("SCN304", 13)
    assert "`{did: …, within: 30 days}`" in found.hint
