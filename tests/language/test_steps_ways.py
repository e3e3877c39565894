"""The steps that choose a way: every setting, every error."""

from __future__ import annotations

from pathlib import Path

import pytest

from leadloop.language.plan import (
    AgainStep,
    AwaitStep,
    ExperimentStep,
    RepeatStep,
    Rest,
    Span,
    SwitchStep,
    Target,
    WaitStep,
)
from tests.language.rich_workspace import problems, steps_of

METRIC = "metric: {did: email_clicked, within: 4 hours}"
A = "a: {share: 10 %, steps: [{id: sa, send: {template: mail/case}}]}"
B = "b: {share: 10 %, steps: [{id: sb, send: {template: mail/case}}]}"
OPEN = "{steps: [{tag: vip}]}"
REST = "rest: {after: 4 hours, min_sends: 200, tie: a}"


def to(step: str) -> Target:
    return Target(step=step)


def test_switch_takes_the_first_case(tmp_path: Path) -> None:
    found = steps_of(
        tmp_path,
        "  - id: s\n    switch:\n      - {when: lead.in_sales, then: [{stage: mql}]}\n"
        "      - {when: {did: page_viewed, within: 7 days}, then: [{tag: vip}, {go: end}]}\n"
        "    else: [{tag: partner}]\n  - id: end\n    stage: customer\n",
    )
    step = found["s"]
    assert isinstance(step, SwitchStep)
    assert [case.go for case in step.cases] == [to("s/1/then/stage"), to("s/2/then/tag")]
    assert step.cases[1].when.did
    assert step.otherwise == to("s/else/tag")
    assert found["s/1/then/stage"].next == found["s/else/tag"].next == to("end")


@pytest.mark.parametrize(
    ("steps", "code", "words"),
    [
        ("  - switch: []\n", "SCN113", "`switch` is empty"),
        ("  - switch: {when: lead.in_sales, then: []}\n", "SCN102", "a list"),
        ("  - switch: [{then: [{stage: mql}]}]\n", "SCN103", "`when`"),
        ("  - switch: [{when: lead.in_sales}]\n", "SCN103", "`then`"),
        ("  - switch: [{when: lead.in_slaes, then: [{stage: mql}]}]\n", "SCN302", "lead.in_sales"),
        ("  - switch: [{when: lead.in_sales, then: [{stage: mql}], go: a}]\n", "SCN101", "`go`"),
        ("  - switch: [lead.in_sales]\n", "SCN102", "a map"),
        ("  - if: lead.in_sales\n    then: []\n", "SCN113", "`then` is empty"),
        ("  - go: [a]\n", "SCN102", "a text"),
        ("  - exit: {notify: a@b.example}\n", "SCN103", "`exit`"),
    ],
)
def test_choices_refuse(tmp_path: Path, steps: str, code: str, words: str) -> None:
    found = problems(tmp_path, steps)
    assert [code for code, _ in found] == [code]
    assert words in found[0][1]


def test_await_looks_back(tmp_path: Path) -> None:
    step = steps_of(
        tmp_path,
        "  - id: thanks\n    send: {template: mail/case}\n  - id: w\n    await:\n"
        "      - {event: page_viewed, since: entry, go: z}\n"
        "      - {event: page_viewed, since: thanks, go: z}\n"
        "    timeout: {until: lead.purchase_timing - 3 days, at: 10:00, if_past: exit}\n"
        "    on_timeout: {exit: late, notify: a@b.example}\n  - id: z\n    stage: mql\n",
    )["w"]
    assert isinstance(step, AwaitStep)
    assert [branch.since for branch in step.branches] == ["entry", "thanks"]
    assert step.timeout is not None
    assert step.timeout.if_past == Target(exit="completed")
    assert step.on_timeout == Target(exit="late", notify="a@b.example")


@pytest.mark.parametrize(
    ("branch", "code", "words"),
    [
        ("{event: page_viewed, since: entri, go: w}", "SCN402", "entri"),
        ("{when: lead.in_sales, since: entry, go: w}", "SCN112", "did: EVENT"),
        ("{stage: mql, since: entry, go: w}", "SCN112", "did: EVENT"),
        ("{event: email_clicked, of: m, since: entry, go: w}", "SCN112", "that send already"),
        ("{event: page_viewed}", "SCN410", "go: STEP"),
    ],
)
def test_await_refuses(tmp_path: Path, branch: str, code: str, words: str) -> None:
    mail = "  - id: m\n    send: {template: mail/case}\n"
    steps = f"{mail}  - id: w\n    await: [{branch}]\n    timeout: 1 day\n"
    found = [one for one in problems(tmp_path, steps) if one[0] not in ("SCN405", "SCN412")]
    assert [code for code, _ in found] == [code]
    assert words in found[0][1]


def test_await_without_timeout_has_no_on_timeout(tmp_path: Path) -> None:
    steps = (
        "  - id: w\n    await: [{event: page_viewed, go: continue}]\n    timeout: never\n    on_timeout: w\n"
    )
    assert "SCN112" in [code for code, _ in problems(tmp_path, steps)]


def test_wait_goes_elsewhere_when_it_is_past(tmp_path: Path) -> None:
    found = steps_of(
        tmp_path,
        "  - id: w\n    wait: {until: lead.purchase_timing - 1 day, at: 17:00, if_past: day}\n"
        "  - tag: vip\n  - id: day\n    stage: mql\n",
    )
    step = found["w"]
    assert isinstance(step, WaitStep)
    assert (step.wait.at, step.wait.if_past) == ("17:00", to("day"))


def test_experiment_with_rest(tmp_path: Path) -> None:
    found = steps_of(
        tmp_path,
        f"  - id: x\n    experiment:\n      {METRIC}\n      draw: lead\n      control: 12.5%\n"
        f"      variants: {{{A}, {B}}}\n      {REST}\n  - id: z\n    stage: mql\n",
    )
    step = found["x"]
    assert isinstance(step, ExperimentStep)
    assert (step.draw, step.control) == ("lead", 1250)
    assert step.metric.match.event == "email_clicked"
    assert step.metric.within == Span(amount=4, unit="hours")
    assert [(one.name, one.share, one.go) for one in step.variants] == [
        ("a", 1000, to("sa")),
        ("b", 1000, to("sb")),
    ]
    assert step.rest == Rest(after=Span(amount=4, unit="hours"), min_sends=200, tie="a")
    assert found["sa"].next == found["sb"].next == to("z")


@pytest.mark.parametrize(
    ("settings", "shares"),
    [
        ("variants: {a: {steps: [{stage: mql}]}, b: {steps: [{stage: mql}]}}", [5000, 5000]),
        (
            "control: 10 %, variants: {a: {share: 30%, steps: [{stage: mql}]}, b: {steps: [{tag: vip}]}}",
            [3000, 6000],
        ),
        (
            "variants: {a: {steps: [{tag: vip}]}, b: {steps: [{tag: vip}]}, c: {steps: [{tag: vip}]}}",
            [3334, 3333, 3333],
        ),
        (
            "variants: {a: {share: 50 %, steps: [{tag: vip}]}, b: {share: 50 %, steps: [{tag: vip}]}}",
            [5000, 5000],
        ),
    ],
)
def test_experiment_divides_what_is_left(tmp_path: Path, settings: str, shares: list[int]) -> None:
    step = steps_of(tmp_path, f"  - id: x\n    experiment: {{{METRIC}, {settings}}}\n")["x"]
    assert [one.share for one in step.variants] == shares


@pytest.mark.parametrize(
    ("settings", "code", "words"),
    [
        (f"variants: {{{A}, {B}}}, {REST}", "SCN103", "`metric`"),
        (f"{METRIC}", "SCN103", "`variants`"),
        (f"{METRIC}, variants: {{{A}, {B}}}", "SCN112", "make up 20 %"),
        (f"{METRIC}, variants: {{{A}}}, {REST}", "SCN112", "2 to 20 arms"),
        (f"{METRIC}, control: 90 %, variants: {{{A}, {B}}}", "SCN112", "make up 110 %"),
        (f"{METRIC}, control: 80 %, variants: {{{A}, {B}}}, {REST}", "SCN112", "nobody is left"),
        (f"{METRIC}, variants: {{{A}, b: {{steps: [{{tag: vip}}]}}}}, {REST}", "SCN103", "`share`"),
        (f"{METRIC}, variants: {{{A}, {B}}}, rest: {{after: 4 hours, tie: c}}", "SCN201", "unknown arm `c`"),
        (f"{METRIC}, variants: {{{A}, {B}}}, rest: {{after: 4 hours}}", "SCN103", "`tie: a`"),
        (f"{METRIC}, variants: {{{A}, {B}}}, rest: {{tie: a}}", "SCN103", "`after`"),
        (f"{METRIC}, draw: person, variants: {{{A}, {B}}}, {REST}", "SCN104", "`lead`, `run`"),
        (f"{METRIC}, control: 10, variants: {{{A}, {B}}}, {REST}", "SCN107", "`10 %`"),
        (f"{METRIC}, control: 0 %, variants: {{{A}, {B}}}, {REST}", "SCN107", "between 0 and 100"),
        (f"{METRIC}, variants: {{control: {{steps: [{{tag: vip}}]}}, b: {OPEN}}}", "SCN109", "of its own"),
        (f"{METRIC}, variants: {{a: {{share: 10 %}}, {B}}}, {REST}", "SCN103", "`steps`"),
        (f"metric: {{event: email_clicked}}, variants: {{{A}, {B}}}, {REST}", "SCN103", "`did`"),
        (
            f"metric: {{did: email_clicked, since: entry}}, variants: {{{A}, {B}}}, {REST}",
            "SCN112",
            "from each draw",
        ),
    ],
)
def test_experiment_refuses(tmp_path: Path, settings: str, code: str, words: str) -> None:
    found = [
        one for one in problems(tmp_path, f"  - id: x\n    experiment: {{{settings}}}\n") if one[0] < "SCN500"
    ]
    assert [code for code, _ in found] == [code]
    assert words in found[0][1]


def test_repeat_ends_in_a_step_that_counts(tmp_path: Path) -> None:
    found = steps_of(
        tmp_path,
        "  - id: r\n    repeat:\n      max: 4\n      while: lead.employees > 3\n      steps:\n"
        "        - id: m\n          send: {template: mail/case}\n        - wait: 7 days\n"
        "  - id: z\n    stage: mql\n",
    )
    step = found["r"]
    assert isinstance(step, RepeatStep)
    assert (step.most, step.first, step.next) == (4, to("m"), to("z"))
    assert step.condition is not None
    assert found["m/wait"].next == to("r/again")
    assert found["r/again"] == AgainStep(id="r/again", line=7, next=to("z"), repeat="r", first=to("m"))


@pytest.mark.parametrize(
    ("settings", "code", "words"),
    [
        ("{steps: [{wait: 1 day}]}", "SCN103", "`max`"),
        ("{max: 0, steps: [{wait: 1 day}]}", "SCN105", "at least 1"),
        ("{max: 4}", "SCN103", "`steps`"),
        ("{max: 4, steps: []}", "SCN113", "`steps` is empty"),
        ("{max: 4, while: lead.in_sale, steps: [{wait: 1 day}]}", "SCN302", "lead.in_sales"),
        ("{max: 4, until: lead.in_sales, steps: [{wait: 1 day}]}", "SCN101", "`until`"),
        ("{max: 4, steps: [{tag: vip}]}", "SCN405", "r/steps/tag"),
    ],
)
def test_repeat_refuses(tmp_path: Path, settings: str, code: str, words: str) -> None:
    found = problems(tmp_path, f"  - id: r\n    repeat: {settings}\n")
    assert code in [code for code, _ in found]
    assert any(words in text for _, text in found)


def test_ids_are_asked_for(tmp_path: Path) -> None:
    steps = f"  - webhook: {{to: crm}}\n  - experiment: {{{METRIC}, variants: {{a: {OPEN}, b: {OPEN}}}}}\n"
    assert [code for code, _ in problems(tmp_path, steps)] == ["SCN409", "SCN409"]


@pytest.mark.parametrize("step_id", ["entry", "cycle", "entered_at", "continue"])
def test_id_is_no_word_of_the_language(tmp_path: Path, step_id: str) -> None:
    assert [code for code, _ in problems(tmp_path, f"  - id: {step_id}\n    stage: mql\n")] == ["SCN109"]
