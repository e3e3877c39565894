"""Condition maps: what they compile to, where the past may be asked, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from leadloop.language.plan import Did, EventMatch, Expression, PropertyMatch, Span, WhenMatch
from tests.language.workspaces import FILES, Files, compiled, edited

N, S, L, T, G = (
    f"scenarios/{name}.yaml" for name in ("welcome", "scoring", "lifecycle", "streams", "segments")
)
SEGMENTS = "newsletter: {title: 月刊, when: '!lead.in_sales'}\nvips: {when: '\"vip\" in lead.tags'}\n"


def audience(condition: str) -> Files:
    return {**edited(N, "goal:", f"audience: {condition}\ngoal:"), G: SEGMENTS}


def waiting(condition: str) -> Files:
    return {**edited(N, "{stage: mql}", f"{{when: {condition}}}"), G: SEGMENTS}


def audience_of(tmp_path: Path, condition: str) -> Expression:
    found = compiled(tmp_path, audience(condition)).require().plans["welcome"].audience
    assert found is not None
    return found


def test_segment_is_membership(tmp_path: Path) -> None:
    found = audience_of(tmp_path, "{segment: newsletter}")
    assert found.source == '"newsletter" in lead.segments'
    assert found.variables == {"lead.segments": "texts"}


def test_lists_join_texts_and_maps(tmp_path: Path) -> None:
    condition = (
        "{all: [{any: [lead.in_sales, {segment: vips}]}, {not: 'lead.employees > 5 || lead.in_sales'}]}"
    )
    found = audience_of(tmp_path, condition)
    assert found.source == (
        '((lead.in_sales) || ("vips" in lead.segments)) && (!(lead.employees > 5 || lead.in_sales))'
    )
    assert set(found.variables) == {"lead.in_sales", "lead.segments", "lead.employees"}


def test_did_is_a_variable_with_its_question(tmp_path: Path) -> None:
    found = audience_of(
        tmp_path, "{did: page_viewed, path: /pricing*, within: 30 days, at_least: 3, distinct: path}"
    )
    ((name, question),) = found.did.items()
    assert found.source == name
    assert found.variables == {name: "bool"}
    assert name.startswith("did.")
    assert name[4:].isidentifier()
    assert question == Did(
        match=EventMatch(event="page_viewed", properties=(PropertyMatch(name="path", prefix="/pricing"),)),
        within=Span(amount=30, unit="days"),
        at_least=3,
        distinct="path",
    )


def test_two_questions_stand_side_by_side(tmp_path: Path) -> None:
    found = audience_of(tmp_path, "{any: [{did: page_viewed}, {did: deal_lost}, {did: page_viewed}]}")
    assert {one.match.event for one in found.did.values()} == {"page_viewed", "deal_lost"}


def test_did_in_a_journey_names_steps_and_the_entry(tmp_path: Path) -> None:
    condition = "{all: [{did: email_clicked, of: [thanks, case]}, {did: page_viewed, since: read}]}"
    plan = compiled(tmp_path, waiting(condition)).require().plans["welcome"]
    assert isinstance(plan.goal[0], WhenMatch)
    clicked, viewed = sorted(plan.goal[0].when.did.values(), key=lambda one: one.match.event)
    assert (clicked.match.of, viewed.since) == (("thanks", "case"), "read")
    entry = compiled(tmp_path, waiting("{did: page_viewed, since: entry}")).require().plans["welcome"]
    assert isinstance(entry.goal[0], WhenMatch)
    assert [one.since for one in entry.goal[0].when.did.values()] == ["entry"]


@pytest.mark.parametrize(
    ("condition", "code", "words"),
    [
        ("{did: page_vieved}", "SCN201", "did you mean `page_viewed`?"),
        ("{did: page_viewed, pth: /pricing}", "SCN101", "did you mean `path`?"),
        ("{did: page_viewed, seconds: long}", "SCN105", "whole number"),
        ("{did: page_viewed, within: 3 days, since: entry}", "SCN112", "keep one"),
        ("{did: page_viewed, within: 3 business days}", "SCN112", "without a calendar"),
        ("{did: page_viewed, within: 0 days}", "SCN107", "zero"),
        ("{did: page_viewed, at_least: 0}", "SCN105", "at least 1"),
        ("{did: page_viewed, distinct: paht}", "SCN201", "did you mean `path`?"),
        ("{did: page_viewed, since: raed}", "SCN402", "did you mean `read`?"),
        ("{did: page_viewed, of: thanks}", "SCN112", "does not belong to a message"),
        ("{did: email_clicked, of: read}", "SCN406", "`read` is a `await`"),
        ("{did: page_viewed, where: event.seconds > 'x'}", "SCN301", "own type"),
        ("{did: [page_viewed]}", "SCN102", "a text"),
        ("{segment: newsleter}", "SCN201", "did you mean `newsletter`?"),
        ("{segment: vips, did: page_viewed}", "SCN112", "join them"),
        ("{all: []}", "SCN113", "empty"),
        ("{all: lead.in_sales}", "SCN102", "a list"),
        ("{all: [lead.nmae == 'x']}", "SCN302", "lead.nmae"),
        ("{al: [lead.in_sales]}", "SCN112", "did you mean `all`?"),
        ("{path: x}", "SCN112", "write CEL text, or a map"),
        ("{not: {segment: vips}, title: x}", "SCN101", "`title`"),
        ("[lead.in_sales]", "SCN102", "a condition"),
    ],
)
def test_map_is_refused(tmp_path: Path, condition: str, code: str, words: str) -> None:
    compilation = compiled(tmp_path, waiting(condition))
    assert [one.code for one in compilation.errors] == [code], [
        one.render() for one in compilation.diagnostics
    ]
    assert words in compilation.errors[0].render()


@pytest.mark.parametrize(
    ("condition", "fine"),
    [
        ("{did: page_viewed, within: 3 days}", True),
        ("{not: {did: page_viewed, since: entry}}", True),
        ("{not: {did: page_viewed, within: 3 days}}", False),
        ("{not: {not: {did: page_viewed, within: 3 days}}}", True),
        ("{not: {any: [{did: deal_lost}, {all: [{did: page_viewed, within: 3 days}]}]}}", False),
    ],
)
def test_waiting_condition_cannot_turn_true_by_time(tmp_path: Path, condition: str, fine: bool) -> None:
    compilation = compiled(tmp_path, waiting(condition))
    assert [one.code for one in compilation.errors] == ([] if fine else ["SCN310"])


def test_audience_has_no_journey_to_look_back_to(tmp_path: Path) -> None:
    compilation = compiled(tmp_path, audience("{did: page_viewed, since: entry}"))
    assert [(one.code, one.column) for one in compilation.errors] == [("SCN112", 37)]


@pytest.mark.parametrize(
    "word", ["days_since(lead.created_at) > 3", 'open("office")', "now > lead.created_at"]
)
def test_waiting_condition_hangs_on_no_clock(tmp_path: Path, word: str) -> None:
    compilation = compiled(tmp_path, waiting(f"{{all: ['{word}']}}"))
    assert {one.code for one in compilation.errors} == {"SCN304"}
    assert compiled(tmp_path, audience(f"'{word}'")).errors == []


@pytest.mark.parametrize(
    ("path", "old", "new", "code"),
    [
        (S, "lead.employees >= 100", "{did: page_viewed}", "SCN112"),
        (S, "lead.employees >= 100", "{segment: vips}", "SCN112"),
        (S, "lead.employees >= 100", "{all: [lead.employees >= 100, {not: lead.in_sales}]}", None),
        (L, 'lead.band.engagement == "hot"', "{did: page_viewed}", "SCN112"),
        (L, 'lead.band.engagement == "hot"', "{segment: vips}", None),
        (
            T,
            "'lead.industry == \"it\"'",
            "{all: [{did: page_viewed, within: 9 days}, {segment: vips}]}",
            None,
        ),
    ],
)
def test_shared_files_take_maps(tmp_path: Path, path: str, old: str, new: str, code: str | None) -> None:
    compilation = compiled(tmp_path, {**edited(path, old, new), G: SEGMENTS})
    assert [one.code for one in compilation.errors] == ([] if code is None else [code])


@pytest.mark.parametrize(
    "condition",
    [
        "{any: [" + ", ".join(f"lead.employees == {at}" for at in range(9000)) + "]}",
        "{not: " * 40 + "lead.in_sales" + "}" * 40,
    ],
    ids=["long", "deep"],
)
def test_map_that_is_heavy_is_bounded(tmp_path: Path, condition: str) -> None:
    compilation = compiled(tmp_path, audience(condition))
    assert {one.code for one in compilation.errors} <= {"SCN301"}


def test_condition_without_when_is_shown_its_place(tmp_path: Path) -> None:
    files = edited(N, "{stage: mql}", "{did: page_viewed, within: 3 days}")
    (error,) = compiled(tmp_path, files).errors
    assert (error.code, "`{when: {did: …}}`" in error.hint) == ("SCN112", True)


def test_where_takes_a_map(tmp_path: Path) -> None:
    files = edited(N, "of: thanks, go: tips", "where: {not: {segment: vips}}, go: tips")
    assert compiled(tmp_path, {**files, G: SEGMENTS}).errors == []


def test_results_of_steps_are_in_scope(tmp_path: Path) -> None:
    steps = """\
  - id: no-show
    send: {template: mail/case}
  - id: call
    task: {type: call, to: inside-sales, due: 1 day, outcomes: [connected, absent], asks_date: true}
  - id: later
    if: run.no_show.status == "sent" && run.call.outcome == "connected" && days_until(run.call.date) > 3
    then: [{stage: mql}]
"""
    text = FILES[N].partition("steps:\n")[0] + "steps:\n" + steps
    assert compiled(tmp_path, {N: text}).errors == []
    for old, new, code, words in [
        ('"connected" &&', '"conected" &&', "SCN303", "did you mean `connected`?"),
        ("run.no_show", "run.no-show", "SCN302", "run.no_show.status"),
        (", asks_date: true", "", "SCN302", "run.call.outcome"),
        ("id: later", "id: no_show", "SCN109", "result of `no-show`"),
    ]:
        errors = compiled(tmp_path, {N: text.replace(old, new)}).errors
        assert errors[0].code == code, [one.render() for one in errors]
        assert words in errors[0].render()
