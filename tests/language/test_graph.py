"""Plans as drawings: which steps are boxes, which are arrows or labels, and in which lane each is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from leadloop.language.graph import draw, to_mermaid
from leadloop.language.graph.drawing import FAMILIES, FAMILY_OF_KIND, Arrow, Drawing
from leadloop.language.graph.step_texts import TEXTS
from leadloop.language.graph.ways import ARROW_KINDS
from leadloop.language.graph.words import KINDS
from leadloop.language.plan import Plan
from leadloop.language.steps import READERS
from tests.language.drawn_plans import plan, plans
from tests.language.workspaces import compiled, edited, scenario

N = "scenarios/welcome.yaml"
DAY = {"span": {"amount": 1, "unit": "days"}}


def arrow(drawing: Drawing, source: str, target: str) -> Arrow:
    """Return the one arrow between two nodes."""
    (found,) = [one for one in drawing.arrows if (one.source, one.target) == (source, target)]
    return found


def test_draw_has_entries_steps_and_ends(tmp_path: Path) -> None:
    publication = compiled(tmp_path).require()
    drawing = draw(publication.plans["welcome"], "ja", publication.workspace)
    assert [(node.id, node.title, node.what) for node in drawing.nodes] == [
        ("entry:0", "フォーム送信 (資料請求)", ""),
        ("step:thanks", "thanks", "メール mail/thanks"),
        ("step:read", "read", "反応を待つ"),
        ("step:case", "case", "メール mail/case"),
        ("step:tips", "tips", "連載 tips 2 週間ごと"),
        ("end:step:tips:exhausted", "exhausted", ""),
    ]
    assert [(one.source, one.target, one.full) for one in drawing.arrows] == [
        ("entry:0", "step:thanks", ""),
        ("step:thanks", "step:read", ""),
        ("step:read", "step:tips", "メールのクリック"),
        ("step:read", "step:case", "期限 5 日"),
        ("step:case", "step:tips", ""),
        ("step:tips", "end:step:tips:exhausted", "全部送った"),
    ]
    assert drawing.notes == (("目標", "ステージ mql"),)


def test_draw_speaks_english(tmp_path: Path) -> None:
    publication = compiled(tmp_path).require()
    drawing = draw(publication.plans["welcome"], "en", publication.workspace)
    assert arrow(drawing, "step:read", "step:case").full == "timeout 5 days"
    assert arrow(drawing, "step:read", "step:tips").full == "email clicked"
    assert drawing.nodes[4].what == "stream tips every 2 weeks"
    assert drawing.notes == (("Goal", "stage mql"),)


def test_draw_makes_go_and_exit_arrows(tmp_path: Path) -> None:
    steps = (
        "  - id: a\n    if: lead.employees > 5\n    then: [{exit: big}]\n  - go: b\n"
        "  - id: b\n    send: {template: mail/case}\n"
    )
    drawing = draw(compiled(tmp_path, scenario(steps)).require().plans["welcome"], "ja")
    assert arrow(drawing, "step:a", "end:step:a:big").reasons == ("はい",)
    assert arrow(drawing, "step:a", "step:b").reasons == ("いいえ",)
    assert arrow(drawing, "step:b", "end:step:b:completed").full == ""


def test_draw_makes_a_plain_wait_a_label() -> None:
    drawing = draw(
        plan(
            [
                {"id": "a", "kind": "send"},
                {"id": "w", "kind": "wait", "title": "待機"},
                {"id": "v", "kind": "wait", "wait": {"until": {"weekday": 0}, "at": "09:00"}},
                {"id": "b", "kind": "send"},
            ]
        ),
        "ja",
    )
    assert drawing.labels == ("w", "v")
    assert arrow(drawing, "step:a", "step:b").waits == ("待機: 3 営業日", "次の月曜 09:00")


def test_draw_makes_a_wait_that_is_jumped_to_a_box() -> None:
    drawing = draw(
        plan(
            [
                {"id": "a", "kind": "if", "then": {"step": "b"}, "otherwise": {"step": "w"}},
                {"id": "b", "kind": "send"},
                {"id": "w", "kind": "wait"},
            ]
        ),
        "ja",
    )
    assert drawing.labels == ()
    assert arrow(drawing, "step:a", "step:w").reasons == ("いいえ",)


def test_draw_makes_a_wait_with_two_ways_out_a_box() -> None:
    wait = {**DAY, "if_past": {"step": "b"}}
    steps: list[dict[str, Any]] = [
        {"id": "w", "kind": "wait", "wait": wait},
        {"id": "a", "kind": "send"},
        {"id": "b", "kind": "send"},
    ]
    drawing = draw(plan(steps), "en")
    assert drawing.labels == ()
    assert arrow(drawing, "step:w", "step:b").reasons == ("already past",)


def test_draw_leads_the_end_of_a_loop_back_to_its_repeat() -> None:
    steps: list[dict[str, Any]] = [
        {"id": "r", "kind": "repeat", "most": 3, "first": {"step": "a"}, "next": {"step": "after"}},
        {"id": "a", "kind": "send"},
        {"id": "w", "kind": "wait"},
        {"id": "end", "kind": "again", "repeat": "r", "first": {"step": "a"}, "next": {"step": "after"}},
        {"id": "after", "kind": "send"},
    ]
    drawing = draw(plan(steps), "ja")
    assert arrow(drawing, "step:a", "step:r").waits == ("3 営業日",)
    assert arrow(drawing, "step:r", "step:after").reasons == ("終了",)
    assert {node.what for node in drawing.nodes if node.id == "step:r"} == {"くり返し 最大 3 回"}


def test_draw_makes_one_arrow_of_the_rings_of_a_step() -> None:
    on = {"connected": {"exit": "won"}, "absent": {"step": "a"}, "refused": {"step": "w"}}
    steps = [{"id": "a", "kind": "task", "on": on}, {"id": "w", "kind": "wait", "next": {"step": "a"}}]
    drawing = draw(plan(steps), "ja")
    assert arrow(drawing, "step:a", "step:a").reasons == ("不在", "断られた · 3 営業日")


def test_draw_names_cases_and_variants() -> None:
    cases = [
        {"when": {"source": 'lead.industry == "it"'}, "go": {"step": "b"}},
        {"when": {"source": "lead.employees > 5"}, "go": {"step": "b"}},
    ]
    variants = [
        {"name": "a", "share": 1000, "go": {"step": "b"}},
        {"name": "b", "share": 1250, "go": {"step": "c"}},
    ]
    steps: list[dict[str, Any]] = [
        {"id": "s", "kind": "switch", "cases": cases, "otherwise": {"step": "x"}},
        {"id": "x", "kind": "experiment", "control": 500, "variants": variants, "next": {"exit": "control"}},
        {"id": "b", "kind": "send"},
        {"id": "c", "kind": "send"},
    ]
    drawing = draw(plan(steps), "ja")
    assert arrow(drawing, "step:s", "step:b").reasons == ('lead.industry == "it"', "lead.employees > 5")
    assert arrow(drawing, "step:s", "step:x").reasons == ("その他",)
    assert arrow(drawing, "step:x", "step:b").reasons == ("a 10 %",)
    assert arrow(drawing, "step:x", "step:c").reasons == ("b 12.5 %",)
    assert arrow(drawing, "step:x", "end:step:x:control").reasons == ("対照群 5 %",)


def test_draw_tells_questions_about_the_past_in_words() -> None:
    did = {"match": {"kind": "event", "event": "page_viewed"}, "at_least": 2, "within": DAY["span"]}
    condition = {"source": "!did.a1b2", "did": {"did.a1b2": did}}
    drawing = draw(plan([{"id": "a", "kind": "if", "condition": condition}]), "ja")
    assert drawing.nodes[1].what == "!ページ閲覧 2 回以上 (1 日以内)"


def test_draw_lanes_are_inherited_in_the_flow() -> None:
    steps: list[dict[str, Any]] = [
        {"id": "a", "kind": "send"},
        {"id": "b", "kind": "send", "journey_stage": "attention"},
        {"id": "c", "kind": "if", "then": {"step": "e"}, "otherwise": {"step": "d"}},
        {"id": "d", "kind": "exit", "next": {"exit": "gone"}},
        {"id": "e", "kind": "send", "journey_stage": "action"},
    ]
    drawing = draw(plan(steps), "ja")
    assert drawing.lanes == ("attention", "action")
    assert {node.id: node.lane for node in drawing.nodes} == {
        "entry:0": None,
        "step:a": None,
        "step:b": "attention",
        "step:c": "attention",
        "end:step:c:gone": "attention",
        "step:e": "action",
        "end:step:e:completed": "action",
    }


def test_draw_has_no_lanes_where_no_stage_is_set() -> None:
    assert draw(plan([{"id": "a", "kind": "send"}]), "ja").lanes == ()


ENTRIES = [
    ({"kind": "manual"}, "手動", "by hand"),
    ({"kind": "segment", "segment": "sleepers"}, "セグメント sleepers", "segment sleepers"),
    ({"kind": "inactive", "after": {"amount": 90, "unit": "days"}}, "90 日 活動なし", "inactive for 90 days"),
    (
        {
            "kind": "date",
            "fact": "contract.renews_on",
            "offset": {"amount": -90, "unit": "days"},
            "at": "09:00",
        },
        "contract.renews_on の 90 日前 09:00",
        "90 days before contract.renews_on 09:00",
    ),
    (
        {"kind": "schedule", "schedule": {"every": "month", "at": "10:00", "weekday": 1, "nth": 2}},
        "毎月 第2火曜 10:00",
        "monthly, no. 2 Tuesday 10:00",
    ),
    (
        {"kind": "schedule", "schedule": {"every": "month", "at": "10:00", "nth": -1}, "zone": "Asia/Tokyo"},
        "毎月 末日 10:00 (Asia/Tokyo)",
        "monthly, last day 10:00 (Asia/Tokyo)",
    ),
    (
        {
            "kind": "schedule",
            "schedule": {"cron": "0 10 * * TUE"},
            "zone": "Europe/Berlin",
            "segment": "sleepers",
        },
        "cron 0 10 * * TUE (Europe/Berlin) [sleepers]",
        "cron 0 10 * * TUE (Europe/Berlin) [sleepers]",
    ),
    ({"kind": "stage", "stages": ["mql", "pql"]}, "ステージ mql, pql", "stage mql, pql"),
]


@pytest.mark.parametrize(("match", "japanese", "english"), ENTRIES, ids=lambda one: str(one)[:20])
def test_draw_tells_who_enters(match: dict[str, object], japanese: str, english: str) -> None:
    drawn = plan([{"id": "a", "kind": "send"}], entry=[{"match": match}])
    assert draw(drawn, "ja").nodes[0].title == japanese
    assert draw(drawn, "en").nodes[0].title == english


@given(plans())
@settings(max_examples=150, deadline=None)
def test_draw_shows_every_step_once(drawn: Plan) -> None:
    drawing = draw(drawn, "ja")
    shown = [node.step for node in drawing.nodes if node.step is not None]
    arrows = [step.id for step in drawn.steps.values() if step.kind in ARROW_KINDS]
    assert sorted([*shown, *drawing.labels, *arrows]) == sorted(drawn.steps)
    ids = [node.id for node in drawing.nodes]
    assert len(ids) == len(set(ids))
    assert {one.source for one in drawing.arrows} | {one.target for one in drawing.arrows} <= set(ids)
    assert all(node.family in FAMILIES for node in drawing.nodes)


def test_every_kind_of_step_has_words() -> None:
    kinds = set(READERS)
    assert len(kinds) > 10
    assert kinds - set(KINDS) == set()
    assert kinds - set(TEXTS) <= {"go", "exit", "switch"}
    assert set(FAMILY_OF_KIND.values()) < set(FAMILIES)


def test_mermaid_shows_nodes_lanes_and_ways(tmp_path: Path) -> None:
    files = edited(N, "  - id: thanks\n", "  - id: thanks\n    journey_stage: attention\n    title: お礼\n")
    drawing = draw(compiled(tmp_path, files).require().plans["welcome"], "en")
    assert (
        to_mermaid(drawing)
        == """\
flowchart TD
  subgraph attention["Attention"]
    n0(["form submitted (whitepaper)"])
    n1["お礼<br/>mail mail/thanks"]
    n2("read<br/>wait for a response")
    n3["case<br/>mail mail/case"]
    n4["tips<br/>stream tips every 2 weeks"]
    n5(["exhausted"])
  end
  n0 --> n1
  n1 --> n2
  n2 -->|"email clicked"| n4
  n2 -->|"timeout 5 days"| n3
  n3 --> n4
  n4 -->|"all sent"| n5
"""
    )


def test_mermaid_escapes_what_it_would_read() -> None:
    text = to_mermaid(draw(plan([{"id": "a", "kind": "send", "title": 'a "b" <c> #1; end'}]), "ja"))
    assert '["a #quot;b#quot; #lt;c#gt; #35;1; end<br/>' in text
