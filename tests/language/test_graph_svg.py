"""Drawings as SVG and HTML: well-formed, safe, in place, the same every time."""

from __future__ import annotations

import re
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from lxml import etree

from leadloop.language.compiler import compile_workspace
from leadloop.language.graph import draw, to_html, to_svg
from leadloop.language.graph.drawing import JOURNEY_STAGES, Drawing
from leadloop.language.graph.layout import lay_out
from leadloop.language.graph.picture import Box, Label, Line, Picture, Spacing
from leadloop.language.graph.svg import PAGE_HEIGHT, PAGE_WIDTH
from leadloop.language.plan import Plan
from tests.language.drawn_plans import plan, plans

SVG = "{http://www.w3.org/2000/svg}"
ROOT = Path(__file__).parents[2]
TIGHT = Spacing(cells=14, label_cells=12, gap_x=10.0, gap_y=14.0)
NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e[+-]?\d+)?")
HOSTILE = (
    "</title><script>alert(1)</script><a href='javascript:x' onload=\"x\">&amp;\x00\x1b\ud800\uffff\u202e"
)


def overlap(one: Box | Label, other: Box | Label) -> bool:
    """Say whether two upright rectangles share a point."""
    (left, top), (other_left, other_top) = corner(one), corner(other)
    return (
        left < other_left + other.width
        and other_left < left + one.width
        and top < other_top + other.height
        and other_top < top + one.height
    )


def corner(one: Box | Label) -> tuple[float, float]:
    """Return the upper left corner."""
    return (one.x, one.y) if isinstance(one, Box) else (one.x - one.width / 2, one.y)


def strokes(path: str) -> list[tuple[float, float]]:
    """Return points along a path, so near each other that a line through a box has one in it."""
    x = y = 0.0
    points = []
    for command, text in re.findall(r"([MVHCh])([^MVHCh]*)", path):
        numbers = [float(one) for one in NUMBER.findall(text)]
        if command == "M":
            x, y = numbers
        elif command == "C":
            ends = [(x, y), *zip(numbers[::2], numbers[1::2], strict=True)]
            points += [bezier(ends, part / 40) for part in range(41)]
            x, y = ends[-1]
        else:
            to_x = numbers[0] if command == "H" else x + numbers[0] if command == "h" else x
            to_y = numbers[0] if command == "V" else y
            steps = int(max(abs(to_x - x), abs(to_y - y)) // 3) + 1
            points += [(x + (to_x - x) * at / steps, y + (to_y - y) * at / steps) for at in range(steps + 1)]
            x, y = to_x, to_y
    return points


def bezier(ends: list[tuple[float, float]], part: float) -> tuple[float, float]:
    """Return a point of a cubic curve (de Casteljau)."""
    while len(ends) > 1:
        ends = [(a[0] + (b[0] - a[0]) * part, a[1] + (b[1] - a[1]) * part) for a, b in pairwise(ends)]
    return ends[0]


def check_picture(drawing: Drawing, picture: Picture) -> None:
    """Assert everything that must hold of every picture."""
    assert [box.node for box in picture.boxes] == list(drawing.nodes)
    assert [line.arrow for line in picture.lines] == list(drawing.arrows)
    labels = [line.label for line in picture.lines if line.label]
    assert len(labels) == sum(bool(one.reasons or one.waits) for one in drawing.arrows)
    drawn: list[Box | Label] = [*picture.boxes, *labels]
    for one, other in combinations(drawn, 2):
        assert not overlap(one, other), (one, other)
    boxes = {box.node.id: box for box in picture.boxes}
    for line in picture.lines:
        check_line(line, boxes, labels)
    for box in picture.boxes:
        assert box.x >= 0
        assert box.x + box.width <= picture.width + 0.2
        assert box.y + box.height <= picture.height + 0.2
        check_lane(box, picture)


def check_line(line: Line, boxes: dict[str, Box], labels: list[Label]) -> None:
    """Assert that a line begins at its source, ends at its target, and crosses nothing else."""
    points = strokes(line.path)
    source, target = boxes[line.arrow.source], boxes[line.arrow.target]
    x, y = points[0]
    assert source.x <= x <= source.x + source.width + 0.1
    assert source.y <= y <= source.y + source.height + 0.1
    assert points[-1] == pytest.approx((line.x, line.y), abs=0.6)
    assert target.x <= line.x <= target.x + target.width
    assert line.y == target.y
    for x, y in points:
        for box in boxes.values():
            inside = box.x + 0.2 < x < box.x + box.width - 0.2 and box.y + 0.2 < y < box.y + box.height - 0.2
            assert not inside, (line.arrow, box.node.id)
        for label in labels:
            left, top = corner(label)
            inside = left + 0.2 < x < left + label.width - 0.2 and top + 0.2 < y < top + label.height - 0.2
            assert not inside, (line.arrow, label)


def check_lane(box: Box, picture: Picture) -> None:
    """Assert that a box is in the band of its stage, and bands are in AIDMA's order."""
    bands = {lane.stage: lane for lane in picture.lanes}
    if not bands:
        assert box.node.lane is None
        return
    band = bands[box.node.lane or ""]
    assert band.top <= box.y
    assert box.y + box.height <= band.bottom
    named = [lane.stage for lane in picture.lanes if lane.stage]
    assert named == [stage for stage in JOURNEY_STAGES if stage in named]
    assert all(upper.bottom == lower.top for upper, lower in pairwise(picture.lanes))


@given(plans())
@settings(max_examples=80, deadline=None)
def test_layout_of_any_plan_overlaps_nowhere(drawn: Plan) -> None:
    drawing = draw(drawn, "ja")
    for spacing in (Spacing(), TIGHT):
        check_picture(drawing, lay_out(drawing, spacing))


@given(plans(most=8))
@settings(max_examples=60, deadline=None)
def test_svg_of_any_plan_is_well_formed_and_complete(drawn: Plan) -> None:
    drawing = draw(drawn, "ja")
    text = to_svg(drawing)
    assert to_svg(draw(drawn, "ja")) == text
    root = etree.fromstring(text.encode())
    nodes = [one.get("data-node") for one in root.iterfind(f".//{SVG}g[@class='node']")]
    assert nodes == [node.id for node in drawing.nodes]
    ways = [(one.get("data-from"), one.get("data-to")) for one in root.iterfind(f".//{SVG}g[@class='arrow']")]
    assert ways == [(one.source, one.target) for one in drawing.arrows]
    etree.fromstring(to_html(drawn, drawing).encode(), etree.HTMLParser(recover=False))


def test_svg_is_a_picture_with_a_name_that_fits_a_page() -> None:
    steps = [{"id": f"s{at}", "kind": "send", "title": "資料のご案内"} for at in range(60)]
    for drawn in (plan(steps), plan(steps[:1], title="一歩")):
        root = etree.fromstring(to_svg(draw(drawn, "ja")).encode())
        width, height = float(root.get("width")), float(root.get("height"))
        assert width <= PAGE_WIDTH
        assert height <= PAGE_HEIGHT
        left, top, right, bottom = map(float, root.get("viewBox").split())
        assert (left, top) == (0, 0)
        assert right / bottom == pytest.approx(width / height, rel=0.02)
        assert root.get("role") == "img"
        named = root.get("aria-labelledby").split()
        assert [root.find(f".//*[@id='{name}']").tag for name in named] == [f"{SVG}title", f"{SVG}desc"]
        assert "資料のご案内" in root.find(f"{SVG}desc").text


def test_svg_escapes_hostile_texts() -> None:
    steps: list[dict[str, Any]] = [
        {"id": "a", "kind": "send", "title": HOSTILE, "template": HOSTILE},
        {"id": "b", "kind": "if", "condition": {"source": HOSTILE}, "then": {"exit": HOSTILE}},
    ]
    drawn = plan(steps, title=HOSTILE, goal=[{"kind": "when", "when": {"source": HOSTILE}}])
    drawing = draw(drawn, "ja")
    root = etree.fromstring(to_svg(drawing).encode())
    assert {etree.QName(one).localname for one in root.iter()} <= {
        *("svg", "title", "desc", "style", "rect", "g", "text", "path", "polygon"),
    }
    assert not [name for one in root.iter() for name in one.attrib if name.startswith("on") or "href" in name]
    page = etree.fromstring(to_html(drawn, drawing).encode(), etree.HTMLParser())
    assert not page.findall(".//script")
    assert not page.findall(".//a")


def test_svg_tells_in_full_what_it_cuts_off() -> None:
    title = "とても長い題名" * 12
    text = to_svg(draw(plan([{"id": "a", "kind": "send", "title": title}]), "ja"))
    root = etree.fromstring(text.encode())
    node = root.find(f".//{SVG}g[@data-node='step:a']")
    assert node.find(f"{SVG}title").text == f"{title} · メール mail/thanks · a"
    shown = [one.text for one in node.iterfind(f"{SVG}text")]
    assert any(line.endswith("…") for line in shown)
    assert title not in shown


def test_svg_shows_waits_and_reasons_on_arrows() -> None:
    steps: list[dict[str, Any]] = [
        {"id": "a", "kind": "if", "then": {"step": "w"}, "otherwise": {"exit": "small"}},
        {"id": "w", "kind": "wait"},
        {"id": "b", "kind": "send"},
    ]
    root = etree.fromstring(to_svg(draw(plan(steps), "en")).encode())
    labels = [
        [one.text for one in label.iterfind(f"{SVG}text")] for label in root.iterfind(".//*[@class='label']")
    ]
    assert labels == [["yes", "3 business days"], ["no"]]


def test_svg_draws_a_step_that_leads_to_itself() -> None:
    steps: list[dict[str, Any]] = [
        {"id": "a", "kind": "task", "on": {"connected": {"exit": "done"}, "absent": {"step": "a"}}},
        {"id": "b", "kind": "send"},
    ]
    drawing = draw(plan(steps), "ja")
    picture = lay_out(drawing, Spacing())
    check_picture(drawing, picture)
    (loop,) = [line for line in picture.lines if line.arrow.source == line.arrow.target]
    assert loop.label is not None
    assert loop.label.reasons == ("不在",)


def test_html_has_every_step_in_its_table() -> None:
    steps = [
        {"id": "a", "kind": "send", "title": "お礼", "line": 12, "journey_stage": "desire"},
        {"id": "w", "kind": "wait", "line": 15},
        {"id": "e", "kind": "exit", "line": 16},
    ]
    drawn = plan(steps, title="育成")
    page = etree.fromstring(to_html(drawn, draw(drawn, "ja")).encode(), etree.HTMLParser())
    assert page.get("lang") == "ja"
    assert page.find("head/title").text == "育成"
    rows = [["".join(cell.itertext()) for cell in row.iterfind("td")] for row in page.iterfind(".//tbody/tr")]
    assert rows == [
        ["a", "メール", "お礼", "欲求", "12", "メール mail/thanks"],
        ["w", "待つ", "", "", "15", "3 営業日 待つ"],
        ["e", "出口", "", "", "16", "出口"],
    ]
    assert not page.xpath("//script | //link | //img | //@src")
    assert len(page.xpath("//*[local-name()='svg']")) == 1


def test_shipped_scenarios_are_drawn() -> None:
    publication = compile_workspace(ROOT).require()
    assert publication.plans
    for drawn in publication.plans.values():
        for language in ("ja", "en"):
            drawing = draw(drawn, language, publication.workspace)
            check_picture(drawing, lay_out(drawing, Spacing()))
            etree.fromstring(to_svg(drawing).encode())
