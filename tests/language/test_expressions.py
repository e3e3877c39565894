"""Conditions: what is in scope where, checked values, and the exact character of a mistake."""

from __future__ import annotations

from pathlib import Path

import pytest

from leadloop.language.plan import AwaitStep, StreamStep, WhenMatch
from tests.language.workspaces import FILES, compiled, edited

N, S, L = "scenarios/welcome.yaml", "scenarios/scoring.yaml", "scenarios/lifecycle.yaml"


def quoted(condition: str) -> str:
    return "'" + condition.replace("'", "''") + "'"


@pytest.mark.parametrize(
    ("condition", "facts"),
    [
        ("lead.employees >= 100", {"lead.employees": "int"}),
        ("!known(lead.country)", {"lead.country": "text"}),
        (
            'lead.company.open_deals == 0 && lead.stage != "customer"',
            {"lead.company.open_deals": "int", "lead.stage": "text"},
        ),
        ('"vip" in lead.tags', {"lead.tags": "texts"}),
        ('lead.tags.exists(tag, tag == "vip")', {"lead.tags": "texts"}),
        ('lead.band.engagement in ["hot", "warm"]', {"lead.band.engagement": "text"}),
        ("lead.score.fit > 10 || lead.cycle > 0", {"lead.score.fit": "int", "lead.cycle": "int"}),
        (
            "lead.purchase_timing < now + duration('720h')",
            {"lead.purchase_timing": "instant", "now": "instant"},
        ),
        (
            "run.entered_at < now && run.cycle == 0",
            {"run.entered_at": "instant", "now": "instant", "run.cycle": "int"},
        ),
        ('run.entry.form == "whitepaper"', {"run.entry.form": "text"}),
        ('lead.job_title.contains("部長")', {"lead.job_title": "text"}),
        ('"lead.nothing and = null" != lead.source', {"lead.source": "text"}),
    ],
)
def test_condition_compiles_with_its_facts(tmp_path: Path, condition: str, facts: dict[str, str]) -> None:
    files = edited(N, "goal:", f"audience: {quoted(condition)}\ngoal:")
    audience = compiled(tmp_path, files).require().plans["welcome"].audience
    assert audience is not None
    assert (audience.source, audience.variables) == (condition, facts)


@pytest.mark.parametrize(
    ("condition", "code", "column", "words"),
    [
        ("lead.nmae == 'x'", "SCN302", 1, ""),
        ("lead.employees > 5 && lead.industri == 'it'", "SCN302", 23, "did you mean `lead.industry`?"),
        ("lead.company == 'x'", "SCN302", 1, "lead.company"),
        ("run.entry.reason == 'x'", "SCN302", 1, "run.entry.form"),
        ("event.form == 'contact'", "SCN302", 1, "only in `where`"),
        ("lead.stage == 'Customer'", "SCN303", 15, "did you mean `customer`?"),
        ("'Hot' == lead.band.engagement", "SCN303", 1, "did you mean `hot`?"),
        ("lead.band.engagement in ['hot', 'wram']", "SCN303", 33, "did you mean `warm`?"),
        ("'VIP' in lead.tags", "SCN303", 1, "did you mean `vip`?"),
        ("run.entry.form != 'white'", "SCN303", 19, "whitepaper"),
        ("lead.employees = 5", "SCN305", 16, "write `==`"),
        ("lead.employees <> 5", "SCN305", 16, "write `!=`"),
        ("not lead.in_sales", "SCN305", 1, "write `!`"),
        ("lead.in_sales or lead.in_sales", "SCN305", 15, "write `||`"),
        ("lead.owner == null", "SCN306", 15, "known("),
        ("lead.created_at < now - duration('2w')", "SCN307", 25, "336h"),
        ("days_since(lead.industry) > 3", "SCN301", 12, "`lead.industry` is a text"),
        ("days_until(lead.created_at, now) > 3", "SCN301", 11, "takes one date"),
        ("open('ofice')", "SCN201", 7, "did you mean `office`?"),
        ("open()", "SCN301", 5, "name of a calendar"),
        ("lead.employees", "SCN301", 1, ""),
        ("lead.employees >", "SCN301", 16, ""),
        ("lead.employees == '5'", "SCN301", 16, "own type"),
        ("known(lead.owner == 'x')", "SCN301", 6, "takes one name"),
        ("__import__('os')", "SCN301", 11, ""),
        ("lead.owner.__class__ == 'x'", "SCN301", 11, ""),
        ("[1, 2, 3].all(x, x > 0) && nothing", "SCN301", 28, ""),
    ],
)
def test_condition_is_refused_at_the_character(
    tmp_path: Path, condition: str, code: str, column: int, words: str
) -> None:
    compilation = compiled(tmp_path, edited(N, "goal:", f'audience: "{condition}"\ngoal:'))
    assert [(one.code, one.column - 11) for one in compilation.errors] == [(code, column)], [
        one.render() for one in compilation.errors
    ]
    assert words in compilation.errors[0].render()


@pytest.mark.parametrize(
    "condition",
    ["lead.tags.all(x, lead.tags.all(y, lead.tags.all(z, x == y)))", "(" * 300, "!" * 1000, "-" * 999],
)
def test_condition_that_is_heavy_is_bounded(tmp_path: Path, condition: str) -> None:
    compilation = compiled(tmp_path, edited(N, "goal:", f'audience: "{condition}"\ngoal:'))
    assert all(one.code == "SCN301" for one in compilation.errors)


def test_condition_of_many_lines_points_at_the_character(tmp_path: Path) -> None:
    folded = "audience: >\n  lead.employees > 5 &&\n  lead.nmae == 'x'\ngoal:"
    error = compiled(tmp_path, edited(N, "goal:", folded)).errors[0]
    assert (error.code, error.line, error.column) == ("SCN302", 7, 3)


@pytest.mark.parametrize(
    "condition",
    [
        "lead.score.engagement >= 20",
        "50 > lead.score.fit",
        "lead.score.fit == 3 && lead.in_sales",
        'lead.band.engagement == "hot"',
    ],
)
def test_waiting_condition_compares_scores_with_numbers(tmp_path: Path, condition: str) -> None:
    plan = (
        compiled(tmp_path, edited(N, "{stage: mql}", f"{{when: {quoted(condition)}}}"))
        .require()
        .plans["welcome"]
    )
    assert isinstance(plan.goal[0], WhenMatch)


@pytest.mark.parametrize(
    "condition",
    [
        "lead.score.engagement > lead.score.fit",
        "lead.score.fit + 5 > 10",
        "lead.score.fit > 10 - lead.employees",
        "known(lead.score.fit)",
        "-lead.score.fit > lead.cycle",
    ],
)
def test_waiting_condition_refuses_other_uses_of_scores(tmp_path: Path, condition: str) -> None:
    compilation = compiled(tmp_path, edited(N, "{stage: mql}", f"{{when: {quoted(condition)}}}"))
    assert {one.code for one in compilation.errors} == {"SCN308"}


def test_where_sees_the_event_and_the_entry(tmp_path: Path) -> None:
    branch = "{event: page_viewed, where: 'event.seconds > 30 && run.entry.form == \"whitepaper\"', go: tips}"
    plan = (
        compiled(tmp_path, edited(N, "{event: email_clicked, of: thanks, go: tips}", branch))
        .require()
        .plans["welcome"]
    )
    step = plan.steps["read"]
    assert isinstance(step, AwaitStep)
    match = step.branches[0].match
    assert match.kind == "event"
    assert match.where is not None
    assert match.where.variables == {"event.seconds": "int", "run.entry.form": "text"}


def test_scoring_rule_does_not_know_the_journey(tmp_path: Path) -> None:
    rule = "event: page_viewed, where: run.cycle == 0"
    error = compiled(tmp_path, edited(S, "event: page_viewed", rule)).errors[0]
    assert (error.code, error.hint) == ("SCN302", "a rule knows the lead and the event")


def test_attribute_cannot_read_a_score(tmp_path: Path) -> None:
    error = compiled(tmp_path, edited(S, "lead.employees >= 100", "lead.score.engagement >= 10")).errors[0]
    assert error.code == "SCN302"


def test_transition_without_event_waits(tmp_path: Path) -> None:
    compilation = compiled(tmp_path, edited(L, 'lead.band.engagement == "hot"', "lead.created_at < now"))
    assert [one.code for one in compilation.errors] == ["SCN304"]


def test_stream_until_does_not_wait(tmp_path: Path) -> None:
    files = edited(N, "every: 2 weeks", "every: 2 weeks, until: run.entered_at < now")
    step = compiled(tmp_path, files).require().plans["welcome"].steps["tips"]
    assert isinstance(step, StreamStep)
    assert step.until is not None


def test_every_lead_field_can_be_asked_for(tmp_path: Path) -> None:
    fields = ["email", "honorific", "in_sales", "last_active_at", "owner", "industry", "purchase_timing"]
    condition = " || ".join(f"known(lead.{name})" for name in fields)
    files = {N: FILES[N].replace("goal:", f"audience: {condition}\ngoal:")}
    assert compiled(tmp_path, files).errors == []
