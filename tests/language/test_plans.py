"""From lists of steps to flat plans with explicit targets."""

from __future__ import annotations

from pathlib import Path

import pytest

from leadloop.language.plan import (
    AwaitStep,
    EventMatch,
    HandOffStep,
    IfStep,
    Plan,
    PropertyMatch,
    RecycleStep,
    SendStep,
    Span,
    StageMatch,
    StreamStep,
    Target,
    TaskStep,
    Until,
    WaitSpec,
    WaitStep,
)
from tests.language.workspaces import Files, compiled, edited, scenario

N = "scenarios/welcome.yaml"


def plan_of(tmp_path: Path, files: Files) -> Plan:
    compilation = compiled(tmp_path, files)
    assert compilation.errors == []
    return compilation.require().plans["welcome"]


def to(step: str) -> Target:
    return Target(step=step)


def test_list_continues_and_ends_as_completed(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, scenario("  - wait: 1 day\n  - id: a\n    stage: mql\n"))
    assert plan.first == "/wait"
    assert plan.steps["/wait"].next == to("a")
    assert plan.steps["a"].next == Target(exit="completed")


def test_header_is_compiled(tmp_path: Path) -> None:
    header = (
        "title: 題\npriority: 40\nper: lead\nexit_when: [{event: deal_opened}, {when: lead.in_sales}]\n"
        "reentry: {mode: after_exit, cooldown: 0 days, max: 3}\n"
    )
    plan = plan_of(tmp_path, scenario("  - exit: a\n", header))
    assert (plan.title, plan.priority, plan.topic) == ("題", 40, "nurture")
    assert plan.goal == (StageMatch(stages=("mql",)),)
    assert [match.kind for match in plan.exit_when] == ["event", "when"]
    assert (plan.reentry.cooldown, plan.reentry.most) == (Span(amount=0, unit="days"), 3)
    assert plan.entry[0].match == EventMatch(
        event="form_submitted", properties=(PropertyMatch(name="form", values=("whitepaper",)),)
    )


def test_if_lists_continue_after_the_step(tmp_path: Path) -> None:
    steps = """\
  - id: big
    if: lead.employees >= 100
    then:
      - wait: 1 day
      - id: inner
        score: {model: engagement, points: -5, reason: 大企業}
    else:
      - wait: 2 days
  - id: after
    stage: mql
"""
    plan = plan_of(tmp_path, scenario(steps))
    big = plan.steps["big"]
    assert isinstance(big, IfStep)
    assert (big.then, big.otherwise) == (to("big/then/wait"), to("big/else/wait"))
    assert plan.steps["big/then/wait"].next == to("inner")
    assert plan.steps["inner"].next == plan.steps["big/else/wait"].next == to("after")


def test_if_without_else_continues(tmp_path: Path) -> None:
    steps = "  - if: lead.in_sales\n    then: [{exit: a}]\n  - id: after\n    stage: mql\n"
    step = plan_of(tmp_path, scenario(steps)).steps["/if"]
    assert isinstance(step, IfStep)
    assert step.otherwise == to("after")


def test_await_branches_and_timeout(tmp_path: Path) -> None:
    steps = """\
  - id: thanks
    send: {template: mail/thanks}
  - id: more
    send: {template: mail/case}
  - id: read
    await:
      - {event: email_clicked, of: [thanks, more], go: case}
      - {event: page_viewed, path: /pricing*, then: [{stage: mql}]}
      - {stage: [customer, mql], go: continue}
      - {when: lead.in_sales, go: {exit: sold, notify: manager@acme.example}}
    timeout: {until: monday 09:00}
    on_timeout:
      - wait: 1 day
  - id: case
    send: {template: mail/case}
"""
    plan = plan_of(tmp_path, scenario(steps))
    read = plan.steps["read"]
    assert isinstance(read, AwaitStep)
    clicked, viewed, moved, sold = read.branches
    assert (clicked.match, clicked.go) == (
        EventMatch(event="email_clicked", of=("thanks", "more")),
        to("case"),
    )
    assert viewed.match == EventMatch(
        event="page_viewed", properties=(PropertyMatch(name="path", prefix="/pricing"),)
    )
    assert viewed.go == to("read/2/then/stage")
    assert plan.steps["read/2/then/stage"].next == to("case")
    assert (moved.match, moved.go) == (StageMatch(stages=("customer", "mql")), to("case"))
    assert sold.go == Target(exit="sold", notify="manager@acme.example")
    assert read.timeout == WaitSpec(until=Until(weekday=0), at="09:00")
    assert read.on_timeout == to("read/on_timeout/wait")
    assert plan.steps["read/on_timeout/wait"].next == to("case")


def test_await_without_end_is_written_out(tmp_path: Path) -> None:
    step = plan_of(
        tmp_path, edited(N, "go: tips}\n    timeout: 5 days", "go: case}\n    timeout: never")
    ).steps["read"]
    assert isinstance(step, AwaitStep)
    assert step.timeout is None


def test_send_settings(tmp_path: Path) -> None:
    steps = """\
  - id: a
    send: {template: mail/thanks, subject: '{{ lead.family_name }}様へ', late: 12 hours, on_late: skip,
           on_skip: b, on_fail: {exit: undeliverable}}
  - wait: 1 day
  - id: b
    send: {template: mail/case}
"""
    plan = plan_of(tmp_path, scenario(steps))
    first, second = plan.steps["a"], plan.steps["b"]
    assert isinstance(first, SendStep)
    assert isinstance(second, SendStep)
    assert (first.late, first.on_late, first.topic) == (Span(amount=12, unit="hours"), "skip", "nurture")
    assert (first.on_skip, first.on_fail, first.next) == (
        to("b"),
        Target(exit="undeliverable"),
        to("a/wait"),
    )
    assert (second.on_skip, second.on_fail, second.late) == (second.next, second.next, None)


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("3 business days", WaitSpec(span=Span(amount=3, unit="business_days"))),
        ("{for: 1 day, at: 09:00}", WaitSpec(span=Span(amount=1, unit="days"), at="09:00")),
        ("{for: 0 days, at: 18:00}", WaitSpec(span=Span(amount=0, unit="days"), at="18:00")),
        ("{until: friday}", WaitSpec(until=Until(weekday=4))),
        (
            "{until: lead.purchase_timing - 1 month, at: 17:00, if_past: end}",
            WaitSpec(
                until=Until(fact="lead.purchase_timing", offset=Span(amount=-1, unit="months")),
                at="17:00",
                if_past=Target(step="end"),
            ),
        ),
        (
            "{until: lead.purchase_timing, if_past: exit}",
            WaitSpec(until=Until(fact="lead.purchase_timing"), if_past=Target(exit="completed")),
        ),
        (
            "{until: lead.purchase_timing, if_past: {exit: late}}",
            WaitSpec(until=Until(fact="lead.purchase_timing"), if_past=Target(exit="late")),
        ),
        (
            "{until: lead.purchase_timing, if_past: continue}",
            WaitSpec(until=Until(fact="lead.purchase_timing")),
        ),
    ],
)
def test_wait_forms(tmp_path: Path, text: str, spec: WaitSpec) -> None:
    steps = f"  - wait: {text}\n  - stage: mql\n  - id: end\n    stage: customer\n"
    step = plan_of(tmp_path, scenario(steps)).steps["/wait"]
    assert isinstance(step, WaitStep)
    assert step.wait == spec


def test_hand_off_recycle_and_task(tmp_path: Path) -> None:
    steps = """\
  - id: sales
    hand_off: {to: inside-sales, accept_within: 4 business hours, escalate_to: manager@acme.example,
               work_within: 30 days, on_rejected: back, on_won: {exit: won}}
  - id: back
    recycle:
      until: lead.purchase_timing
      cooldown: {timing: 60 days, default: 30 days}
      bypass: [{event: form_submitted, form: contact, go: call}]
      score: {engagement: reset, fit: keep}
      max_cycles: 3
      on_max: {exit: given_up}
  - id: call
    task: {type: call, to: last_owner, else: inside-sales, title: 電話, due: 15 business minutes,
           outcomes: [connected, absent], on_connected: {exit: in_sales}}
"""
    plan = plan_of(tmp_path, scenario(steps))
    sales, back, call = plan.steps["sales"], plan.steps["back"], plan.steps["call"]
    assert isinstance(sales, HandOffStep)
    assert isinstance(back, RecycleStep)
    assert isinstance(call, TaskStep)
    assert (sales.on_rejected, sales.on_won) == (to("back"), Target(exit="won"))
    assert sales.on_expired == sales.on_lost == sales.next == to("back")
    assert back.cooldown == {"timing": Span(amount=60, unit="days"), "default": Span(amount=30, unit="days")}
    assert back.score == {"engagement": "reset", "fit": "keep"}
    assert (back.bypass[0].go, back.on_max) == (to("call"), Target(exit="given_up"))
    assert call.on == {"connected": Target(exit="in_sales"), "absent": Target(exit="completed")}
    assert (call.to, call.otherwise, call.task_title) == ("last_owner", "inside-sales", "電話")


def test_stream_ends_by_its_condition(tmp_path: Path) -> None:
    files = edited(
        N, "every: 2 weeks", "every: 2 weeks, until: lead.in_sales, go: {exit: sales}, topic: service"
    )
    step = plan_of(tmp_path, files).steps["tips"]
    assert isinstance(step, StreamStep)
    assert (step.go, step.topic, step.on_exhausted) == (
        Target(exit="sales"),
        "service",
        Target(exit="exhausted"),
    )


def test_entry_may_start_elsewhere(tmp_path: Path) -> None:
    files = edited(N, "goal:", "  - {stage: recycled, start: tips}\ngoal:")
    assert plan_of(tmp_path, files).entry[1].start == "tips"


def test_generated_ids_do_not_move_when_other_steps_are_added(tmp_path: Path) -> None:
    before = plan_of(tmp_path, edited(N, "  - id: tips", "  - wait: 3 days\n  - wait: 4 days\n  - id: tips"))
    assert {"case/wait", "case/wait-2"} <= set(before.steps)
    files = edited(N, "  - id: read", "  - wait: 1 hour\n  - id: read")
    files[N] = str(files[N]).replace("  - id: tips", "  - wait: 3 days\n  - wait: 4 days\n  - id: tips")
    after = plan_of(tmp_path, files)
    assert set(after.steps) - set(before.steps) == {"thanks/wait"}


@pytest.mark.parametrize(
    ("steps", "is_loop"),
    [
        ("  - id: a\n    wait: 1 day\n  - go: a\n", False),
        ("  - id: a\n    wait: {until: monday}\n  - go: a\n", False),
        ("  - id: a\n    wait: {until: 2027-04-01}\n  - go: a\n", True),
        ("  - id: a\n    wait: {until: lead.purchase_timing}\n  - go: a\n", True),
        ("  - id: a\n    score: {model: fit, points: 1}\n  - go: a\n", True),
        ("  - id: a\n    go: a\n", True),
        (
            "  - id: a\n    if: lead.in_sales\n    then: [{wait: 1 day}]\n    else: [{go: a}]\n  - go: a\n",
            True,
        ),
        ("  - id: a\n    if: lead.in_sales\n    then: [{wait: 1 day}, {go: a}]\n", False),
        ("  - id: a\n    await: [{event: page_viewed, go: a}]\n    timeout: never\n", False),
        ("  - id: a\n    await: [{when: lead.in_sales, go: a}]\n    timeout: 1 day\n", True),
        ("  - id: a\n    stream: {of: tips, every: 1 week, on_exhausted: a}\n", True),
        ("  - id: a\n    send: {template: mail/case, on_fail: a}\n", True),
        ("  - id: a\n    task: {type: call, to: owner, due: 1 day, outcomes: [x], on_x: a}\n", False),
    ],
)
def test_loop_needs_a_wait(tmp_path: Path, steps: str, is_loop: bool) -> None:
    compilation = compiled(tmp_path, scenario(steps))
    assert ("SCN405" in [one.code for one in compilation.errors]) == is_loop
    assert is_loop or {one.code for one in compilation.errors} == {"SCN412"}


@pytest.mark.parametrize(
    ("steps", "code"),
    [
        ("  - id: exit\n    stage: mql\n", "SCN109"),
        ("  - id: a/b\n    stage: mql\n", "SCN109"),
        ("  - id: 資料\n    stage: mql\n", "SCN109"),
        ("  - wait: 1 day\n    thne: []\n", "SCN101"),
        ("  - sned: {template: mail/case}\n", "SCN201"),
        ("  - title: 題\n", "SCN411"),
        ("  - text\n", "SCN102"),
        ("  - id: a\n    hand_off: {to: inside-sales, escalate_to: a@b.example}\n", "SCN112"),
        (
            "  - id: a\n    task: {type: call, to: owner, due: 1 day, outcomes: [x], on_y: {exit: b}}\n",
            "SCN101",
        ),
        ("  - id: a\n    recycle: {cooldown: {timing: 1 day}}\n", "SCN103"),
        ("  - id: a\n    recycle: {cooldown: {tming: 1 day, default: 1 day}}\n", "SCN201"),
        ("  - id: a\n    recycle: {until: lead.employees, cooldown: {default: 1 day}}\n", "SCN102"),
        ("  - id: a\n    recycle: {max_cycles: 3, cooldown: {default: 1 day}}\n", "SCN103"),
        ("  - id: a\n    send: {template: mail/case, on_late: skip}\n", "SCN112"),
        ("  - id: a\n    send: {template: ../secret}\n", "SCN109"),
        ("  - id: a\n    send: {template: mail/case, subject: '{{ lead.nmae }}'}\n", "SCN453"),
        ("  - id: a\n    await: []\n    timeout: 1 day\n", "SCN113"),
        ("  - id: a\n    await: [{event: page_viewed, of: a, go: a}]\n    timeout: 1 day\n", "SCN112"),
        (
            "  - id: a\n    await: [{event: page_viewed, path: [/a, /b*], go: a}]\n    timeout: 1 day\n",
            "SCN112",
        ),
        ("  - id: a\n    await: [{event: page_viewed, seconds: '3', go: a}]\n    timeout: 1 day\n", "SCN105"),
        ("  - id: a\n    await: [{event: page_viewed, paht: /a, go: a}]\n    timeout: 1 day\n", "SCN101"),
        ("  - id: a\n    await: [{event: page_viewed, go: a, then: []}]\n    timeout: 1 day\n", "SCN112"),
        ("  - id: a\n    await: [{go: a}]\n    timeout: 1 day\n", "SCN112"),
        ("  - stage: mql\n    journey_stage: love\n", "SCN104"),
        ("  - stage: mql\n    allow: {SCN101: because}\n", "SCN201"),
        ("  - go: exit\n", "SCN402"),
        ("  - if: lead.in_sales\n", "SCN103"),
        ("  - wait: {until: monday 09:00, at: 10:00}\n", "SCN112"),
        ("  - wait: {for: 3 hours, at: 10:00}\n", "SCN112"),
        ("  - wait: {until: lead.created}\n", "SCN201"),
        ("  []\n", "SCN113"),
    ],
)
def test_step_is_refused(tmp_path: Path, steps: str, code: str) -> None:
    compilation = compiled(tmp_path, scenario(steps))
    assert code in [one.code for one in compilation.errors], [one.render() for one in compilation.diagnostics]


def test_lint_can_be_allowed_for_a_step(tmp_path: Path) -> None:
    steps = "  - id: a\n    allow: {SCN501: 小さなチーム}\n    hand_off: {to: inside-sales}\n"
    assert compiled(tmp_path, scenario(steps)).diagnostics == []


def test_broken_step_does_not_make_others_unreachable(tmp_path: Path) -> None:
    steps = (
        "  - id: a\n    if: lead.nmae == 1\n    then: [{stage: mql}, {go: c}]\n    else: [{exit: b}]\n"
        "  - exit: d\n  - id: c\n    stage: customer\n"
    )
    assert [one.code for one in compiled(tmp_path, scenario(steps)).errors] == ["SCN302"]
