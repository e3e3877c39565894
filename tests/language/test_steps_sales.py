"""The steps that give work to people: every setting, every error."""

from __future__ import annotations

from pathlib import Path

import pytest

from leadloop.language.plan import HandOffStep, RecycleStep, Retry, Span, Target, TaskStep
from tests.language.rich_workspace import problems, steps_of

TASK = "type: call, due: 1 business day, outcomes: [connected, absent]"


def test_task_settings(tmp_path: Path) -> None:
    step = steps_of(
        tmp_path,
        "  - id: a\n    task: {type: call, to: owner, else: inside-sales, title: 折り返し電話,\n"
        "           due: 15 business minutes, outcomes: [connected, absent], asks: [industry, phone],\n"
        "           asks_date: true, retry: {on: [absent], max: 3, every: 3 business hours},\n"
        "           on_absent: [{exit: unreachable}], on_overdue: {exit: nobody}}\n",
    )["a"]
    assert isinstance(step, TaskStep)
    assert (step.to, step.otherwise, step.task_title) == ("owner", "inside-sales", "折り返し電話")
    assert step.due == Span(amount=15, unit="business_minutes")
    assert (step.asks, step.asks_date) == (("industry", "phone"), True)
    assert step.retry == Retry(on=("absent",), max=3, every=Span(amount=3, unit="business_hours"))
    assert step.on == {"connected": Target(exit="completed"), "absent": Target(step="a/on_absent/exit")}
    assert (step.on_overdue, step.notify_overdue) == (Target(exit="nobody"), None)


def test_overdue_task_may_only_tell_somebody(tmp_path: Path) -> None:
    step = steps_of(
        tmp_path,
        f"  - id: a\n    task: {{to: inside-sales, {TASK}, on_overdue: {{notify: m@acme.example}}}}\n",
    )["a"]
    assert isinstance(step, TaskStep)
    assert (step.on_overdue, step.notify_overdue) == (None, "m@acme.example")


@pytest.mark.parametrize("to", ["owner", "last_owner", "inside-sales", "sato@acme.example"])
def test_task_is_given_to(tmp_path: Path, to: str) -> None:
    step = steps_of(tmp_path, f"  - id: a\n    task: {{to: {to}, {TASK}}}\n")["a"]
    assert isinstance(step, TaskStep)
    assert step.to == to


@pytest.mark.parametrize(
    ("settings", "code", "words"),
    [
        (TASK, "SCN103", "`to`"),
        (f"to: onwer, {TASK}", "SCN201", "did you mean `owner`?"),
        (f"to: company_owner, {TASK}", "SCN201", "company_owner"),
        (f"to: sato@acme, {TASK}", "SCN111", "sato@acme"),
        (f"to: inside-sales, else: inside-sales, {TASK}", "SCN112", "remove `else`"),
        (f"to: owner, else: field-sales, {TASK}", "SCN201", "`inside-sales`"),
        ("to: inside-sales, due: 1 day, outcomes: [a]", "SCN103", "`type`"),
        ("to: inside-sales, type: fax, due: 1 day, outcomes: [a]", "SCN104", "`call`"),
        ("to: inside-sales, type: call, outcomes: [a]", "SCN103", "`due`"),
        ("to: inside-sales, type: call, due: 1 day", "SCN103", "`outcomes`"),
        ("to: inside-sales, type: call, due: 1 day, outcomes: [a, a]", "SCN112", "written twice"),
        ("to: inside-sales, type: call, due: 1 day, outcomes: [overdue]", "SCN109", "`on_overdue`"),
        (f"to: inside-sales, {TASK}, on_refused: {{exit: no}}", "SCN101", "`on_refused`"),
        (f"to: inside-sales, {TASK}, asks: [indstry]", "SCN201", "did you mean `industry`?"),
        (f"to: inside-sales, {TASK}, asks: [stage]", "SCN201", "unknown lead field `stage`"),
        (f"to: inside-sales, {TASK}, asks: industry", "SCN102", "a list"),
        (f"to: inside-sales, {TASK}, asks_date: 2027-04-01", "SCN106", "true or false"),
        (f"to: inside-sales, {TASK}, retry: {{on: [abset], max: 3, every: 1 day}}", "SCN201", "`absent`"),
        (f"to: inside-sales, {TASK}, retry: {{max: 3, every: 1 day}}", "SCN103", "`on`"),
        (f"to: inside-sales, {TASK}, retry: {{on: [absent], every: 1 day}}", "SCN103", "`max`"),
        (f"to: inside-sales, {TASK}, retry: {{on: [absent], max: 1, every: 1 day}}", "SCN105", "at least 2"),
        (f"to: inside-sales, {TASK}, retry: {{on: [absent], max: 3}}", "SCN103", "`every`"),
        (f"to: inside-sales, {TASK}, on_overdue: {{ntify: a@b.example}}", "SCN103", "`notify`"),
        (f"to: inside-sales, {TASK}, on_overdue: nowhere", "SCN402", "nowhere"),
    ],
)
def test_task_refuses(tmp_path: Path, settings: str, code: str, words: str) -> None:
    found = problems(tmp_path, f"  - id: a\n    task: {{{settings}}}\n")
    assert code in [code for code, _ in found]
    assert any(words in text for _, text in found)


def test_hand_off_of_a_company(tmp_path: Path) -> None:
    step = steps_of(
        tmp_path,
        "  - id: a\n    hand_off: {what: company, to: company_owner, else: inside-sales,\n"
        "               accept_within: 4 business hours, escalate_to: m@acme.example, work_within: 30 days,\n"
        "               on_rejected: {exit: rejected}, on_expired: continue, on_won: [{stage: customer}]}\n",
    )["a"]
    assert isinstance(step, HandOffStep)
    assert (step.what, step.queue, step.otherwise) == ("company", "company_owner", "inside-sales")
    assert step.escalate_to == "m@acme.example"
    assert step.on_rejected == Target(exit="rejected")
    assert step.on_expired == step.on_lost == Target(exit="completed")
    assert step.on_won == Target(step="a/on_won/stage")


@pytest.mark.parametrize(
    ("settings", "code", "words"),
    [
        ("accept_within: 1 day", "SCN103", "`to`"),
        ("to: owner, accept_within: 1 day", "SCN103", "`else`"),
        ("to: last_owner, accept_within: 1 day", "SCN201", "owner or queue"),
        ("to: sato@acme.example, accept_within: 1 day", "SCN201", "owner or queue"),
        ("to: inside-sales, else: inside-sales, accept_within: 1 day", "SCN112", "remove `else`"),
        ("what: deal, to: inside-sales, accept_within: 1 day", "SCN104", "`lead`, `company`"),
        ("to: inside-sales, escalate_to: m@acme.example", "SCN112", "`accept_within`"),
        ("to: inside-sales, accept_within: 1 day, on_reject: a", "SCN101", "did you mean `on_rejected`?"),
    ],
)
def test_hand_off_refuses(tmp_path: Path, settings: str, code: str, words: str) -> None:
    found = problems(tmp_path, f"  - id: a\n    hand_off: {{{settings}}}\n")
    assert code in [code for code, _ in found]
    assert any(words in text for _, text in found)


def test_recycle_tells_when_it_is_over(tmp_path: Path) -> None:
    step = steps_of(
        tmp_path,
        "  - id: a\n    recycle: {cooldown: {default: 60 days}, bypass: [{stage: mql, then: [{exit: b}]}],\n"
        "              max_cycles: 3, on_max: {exit: given_up, notify: m@acme.example}}\n",
    )["a"]
    assert isinstance(step, RecycleStep)
    assert step.on_max == Target(exit="given_up", notify="m@acme.example")
    assert step.bypass[0].go == Target(step="a/bypass/1/then/exit")


@pytest.mark.parametrize(
    ("settings", "code", "words"),
    [
        ("cooldown: {default: 1 day}, on_max: {exit: a}", "SCN112", "`max_cycles: 3`"),
        ("cooldown: {default: 1 day}, score: {fit: forget}", "SCN104", "`reset`, `keep`"),
        ("cooldown: {default: 1 day}, score: {fat: keep}", "SCN201", "did you mean `fit`?"),
        ("cooldown: {default: 1 day}, bypass: [{event: page_viewed}]", "SCN410", "goes nowhere"),
        ("cooldown: {default: 1 day}, until: run.entry.revisit", "SCN201", "run.entry.revisit"),
    ],
)
def test_recycle_refuses(tmp_path: Path, settings: str, code: str, words: str) -> None:
    found = problems(tmp_path, f"  - id: a\n    recycle: {{{settings}}}\n")
    assert code in [code for code, _ in found]
    assert any(words in text for _, text in found)
