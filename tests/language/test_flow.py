"""Ways out of steps, and loops: each needs a wait and a bound."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadloop.language.flow import Edge, Property, cycles_without, edges
from leadloop.language.plan import (
    AgainStep,
    AwaitStep,
    Branch,
    EventMatch,
    Expression,
    GoStep,
    IfStep,
    RepeatStep,
    SendStep,
    Span,
    Step,
    Target,
    WaitSpec,
    WaitStep,
)
from tests.language.rich_workspace import problems, steps_of

NAMES = ("a", "b", "c", "d", "e")
DAY = WaitSpec(span=Span(amount=1, unit="days"))
TARGETS = st.sampled_from([Target(exit="end"), *(Target(step=name) for name in NAMES)])


@st.composite
def plans(draw: st.DrawFn) -> dict[str, Step]:
    """Draw five steps that lead anywhere."""
    steps: dict[str, Step] = {}
    for name in NAMES:
        kind = draw(st.sampled_from(["wait", "send", "if", "await", "repeat", "again", "go"]))
        one, two = draw(TARGETS), draw(TARGETS)
        if kind == "wait":
            steps[name] = WaitStep(id=name, next=one, wait=DAY)
        elif kind == "send":
            stream = draw(st.sampled_from(["tips", None]))
            steps[name] = SendStep(
                id=name, next=one, topic="t", stream=stream, template="m", on_skip=two, on_fail=two
            )
        elif kind == "if":
            steps[name] = IfStep(id=name, condition=Expression(source="true"), then=one, otherwise=two)
        elif kind == "await":
            of = draw(st.sets(st.sampled_from(NAMES), max_size=2))
            match = EventMatch(event="email_clicked", of=tuple(sorted(of)))
            since = draw(st.sampled_from([None, "entry"]))
            branch = Branch(match=match, go=one, since=since)
            steps[name] = AwaitStep(id=name, branches=(branch,), timeout=DAY, on_timeout=two)
        elif kind == "repeat":
            steps[name] = RepeatStep(id=name, most=3, first=one, next=two)
        elif kind == "again":
            steps[name] = AgainStep(id=name, repeat="a", first=one, next=two)
        else:
            steps[name] = GoStep(id=name, next=one)
    return steps


def loops(
    steps: dict[str, Step], path: list[str], taken: list[Edge]
) -> Iterator[tuple[list[str], list[Edge]]]:
    """Yield every simple loop from the first step of the path, with the edges it takes."""
    for edge in edges(steps[path[-1]]):
        if edge.by_again:
            continue
        if edge.target.step == path[0]:
            yield path, [*taken, edge]
        elif edge.target.step in steps and edge.target.step not in path:
            yield from loops(steps, [*path, edge.target.step], [*taken, edge])


def lacks(path: list[str], taken: list[Edge], wanted: Property) -> bool:
    if wanted == "bound":
        return not any(edge.bounded for edge in taken)
    return not any(edge.waits and (not edge.sends or set(edge.sends) & set(path)) for edge in taken)


@pytest.mark.parametrize("wanted", ["wait", "bound"])
@settings(max_examples=300, deadline=None)
@given(steps=plans())
def test_loops_without_are_found(wanted: Property, steps: dict[str, Step]) -> None:
    every = [found for name in steps for found in loops(steps, [name], [])]
    wrong = {frozenset(path) for path, taken in every if lacks(path, taken, wanted)}
    told = list(cycles_without(steps, wanted))
    assert {frozenset(path) for path in told} <= wrong
    assert bool(told) == bool(wrong)


@pytest.mark.parametrize(
    ("steps", "code"),
    [
        ("  - id: a\n    wait: 1 day\n  - go: a\n", "SCN412"),
        ("  - id: a\n    await: [{event: page_viewed, go: a}]\n    timeout: 1 day\n", "SCN412"),
        ("  - id: a\n    await: [{event: page_viewed, since: entry, go: a}]\n    timeout: 1 day\n", "SCN405"),
        (
            "  - id: m\n    send: {template: mail/case}\n  - id: a\n"
            "    await: [{event: email_clicked, of: m, go: a}]\n    timeout: 1 day\n",
            "SCN405",
        ),
        (
            "  - id: m\n    send: {template: mail/case}\n  - id: a\n"
            "    await: [{event: email_clicked, of: m, go: m}]\n    timeout: 1 day\n",
            "SCN412",
        ),
        ("  - id: a\n    stream: {of: tips, every: 1 day}\n  - wait: 1 day\n  - go: a\n", "SCN412"),
        (
            "  - id: a\n    task: {type: call, to: inside-sales, due: 1 day, outcomes: [x], on_x: a}\n",
            "SCN412",
        ),
        ("  - id: a\n    hand_off: {to: inside-sales, accept_within: 1 day, on_rejected: a}\n", "SCN412"),
        ("  - id: a\n    repeat: {max: 3, steps: [{wait: 1 day}]}\n  - go: a\n", "SCN412"),
        ("  - id: a\n    repeat: {max: 3, steps: [{id: b, wait: 1 day}, {go: b}]}\n", "SCN412"),
        ("  - id: a\n    webhook: {to: crm, on_fail: a}\n", "SCN405"),
    ],
)
def test_loop_is_refused(tmp_path: Path, steps: str, code: str) -> None:
    assert [found for found, _ in problems(tmp_path, steps) if found < "SCN500"] == [code]


@pytest.mark.parametrize(
    "steps",
    [
        "  - id: a\n    repeat: {max: 3, steps: [{wait: 1 day}]}\n",
        "  - id: a\n    repeat: {max: 3, steps: [{id: b, repeat: {max: 3, steps: [{wait: 1 day}]}}]}\n",
        "  - id: a\n    send: {stream: tips, on_skip: {exit: b}, on_fail: {exit: b}}\n"
        "  - wait: 1 week\n  - go: a\n",
        "  - id: a\n    recycle: {cooldown: {default: 1 day}, max_cycles: 3, on_max: {exit: b}}\n"
        "  - id: c\n    hand_off: {to: inside-sales, accept_within: 1 day, on_lost: a}\n",
        "  - id: a\n    task: {type: call, to: inside-sales, due: 1 day, outcomes: [x], "
        "retry: {on: [x], max: 3, every: 1 day}}\n",
    ],
)
def test_bounded_loop_compiles(tmp_path: Path, steps: str) -> None:
    assert steps_of(tmp_path, steps)


def test_edges_name_every_way_out(tmp_path: Path) -> None:
    found = steps_of(
        tmp_path,
        "  - id: x\n    experiment:\n      metric: {did: email_clicked}\n      control: 10 %\n"
        "      variants: {a: {steps: [{tag: vip}]}, b: {steps: [{tag: vip}]}}\n"
        "  - id: s\n    switch: [{when: lead.in_sales, then: [{tag: vip}]}]\n"
        "  - id: t\n    task: {type: call, to: inside-sales, due: 1 day, outcomes: [x, y],\n"
        "           retry: {on: [y], max: 2, every: 1 day}, on_overdue: {exit: late}}\n"
        "  - id: h\n    webhook: {to: crm, on_fail: {exit: broken}}\n"
        "  - id: r\n    repeat: {max: 2, steps: [{id: w, wait: 1 day}]}\n",
    )
    assert [edge.label for edge in edges(found["x"])] == ["a", "b", "control"]
    assert [edge.label for edge in edges(found["s"])] == ["lead.in_sales", "else"]
    assert [edge.label for edge in edges(found["t"])] == ["x", "y", "retry", "overdue"]
    assert [edge.target for edge in edges(found["h"])] == [Target(step="r"), Target(exit="broken")]
    assert [edge.target.step for edge in edges(found["r"])] == ["w", None]
    assert [edge.bounded for edge in edges(found["r/again"])] == [True, False]
