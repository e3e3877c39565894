"""The steps that mail and those that decide who may be mailed: every setting, every error."""

from __future__ import annotations

from pathlib import Path

import pytest

from leadloop.language.plan import (
    EventMatch,
    NotifyStep,
    PropertyMatch,
    SendStep,
    Span,
    StreamStep,
    SubscribeStep,
    SuppressStep,
    Target,
    UnsubscribeStep,
)
from tests.language.rich_workspace import problems, steps_of


def test_send_takes_the_next_item_of_a_stream(tmp_path: Path) -> None:
    step = steps_of(
        tmp_path,
        "  - id: a\n    send: {stream: tips, subject: '{{ lead.company.name }}様の導入事例', late: 12 hours,"
        " on_late: skip, on_skip: {exit: none}, on_fail: [{stage: mql}, {exit: bounced}]}\n",
    )["a"]
    assert step == SendStep(
        id="a",
        line=7,
        stream="tips",
        topic="nurture",
        subject="{{ lead.company.name }}様の導入事例",
        late=Span(amount=12, unit="hours"),
        on_late="skip",
        on_skip=Target(exit="none"),
        on_fail=Target(step="a/on_fail/stage"),
    )


@pytest.mark.parametrize(
    ("settings", "code", "words"),
    [
        ("{template: mail/case, stream: tips}", "SCN112", "not from both"),
        ("{subject: あ}", "SCN103", "`template`"),
        ("{stream: tisp}", "SCN201", "did you mean `tips`?"),
        ("{template: mail/csae}", "SCN451", "did you mean `mail/case`?"),
        ("{template: mail/case, topic: nurtur}", "SCN201", "did you mean `nurture`?"),
        ("{template: mail/case, on_late: skip}", "SCN112", "`late: 12 hours`"),
        ("{template: mail/case, late: 12 hours, on_late: drop}", "SCN104", "`send`, `skip`"),
        ("{template: mail/case, subject: '{{ run.entry.path }}'}", "SCN453", "run.entry.path"),
        ("{template: mail/case, subject: ''}", "SCN113", "`subject` is empty"),
        ("{template: mail/case, on_skp: a}", "SCN101", "did you mean `on_skip`?"),
    ],
)
def test_send_refuses(tmp_path: Path, settings: str, code: str, words: str) -> None:
    found = problems(tmp_path, f"  - id: a\n    send: {settings}\n")
    assert [code for code, _ in found] == [code]
    assert words in found[0][1]


def test_stream_settings(tmp_path: Path) -> None:
    step = steps_of(
        tmp_path,
        "  - id: a\n    stream: {of: tips, every: 2 weeks, topic: service, until: lead.in_sales, go: b,"
        " on_exhausted: [{exit: all}]}\n  - id: b\n    stage: mql\n",
    )["a"]
    assert isinstance(step, StreamStep)
    assert (step.topic, step.go, step.on_exhausted.step) == (
        "service",
        Target(step="b"),
        "a/on_exhausted/exit",
    )


@pytest.mark.parametrize(
    ("settings", "code", "words"),
    [
        ("{of: tips}", "SCN103", "`every`"),
        ("{every: 2 weeks}", "SCN103", "`of`"),
        ("{of: tips, every: 2 weeks, go: a}", "SCN112", "`go` without `until`"),
        ("{of: tips, every: 0 days}", "SCN107", "zero"),
    ],
)
def test_stream_refuses(tmp_path: Path, settings: str, code: str, words: str) -> None:
    found = problems(tmp_path, f"  - id: a\n    stream: {settings}\n")
    assert [code for code, _ in found] == [code]
    assert words in found[0][1]


@pytest.mark.parametrize("to", ["owner", "slack", "manager@acme.example"])
def test_notify_tells_one_of_our_people(tmp_path: Path, to: str) -> None:
    step = steps_of(tmp_path, f"  - id: a\n    notify: {{to: {to}, template: notify/hot}}\n")["a"]
    assert isinstance(step, NotifyStep)
    assert (step.to, step.template) == (to, "notify/hot")


@pytest.mark.parametrize(
    ("settings", "code", "words"),
    [
        ("{template: notify/hot}", "SCN103", "`to`"),
        ("{to: owner}", "SCN103", "`template`"),
        ("{to: owner, template: notify/hto}", "SCN451", "did you mean `notify/hot`?"),
        ("{to: onwer, template: notify/hot}", "SCN201", "did you mean `owner`?"),
        ("{to: manager@acme, template: notify/hot}", "SCN111", "manager@acme"),
    ],
)
def test_notify_refuses(tmp_path: Path, settings: str, code: str, words: str) -> None:
    found = problems(tmp_path, f"  - notify: {settings}\n")
    assert [code for code, _ in found] == [code]
    assert words in found[0][1]


def test_subscribe_and_unsubscribe(tmp_path: Path) -> None:
    found = steps_of(
        tmp_path,
        "  - id: a\n    subscribe: {topic: nurture, basis: opt_in}\n"
        "  - id: b\n    unsubscribe: {topic: nurture}\n  - id: c\n    unsubscribe: {topic: all}\n",
    )
    assert found["a"] == SubscribeStep(id="a", line=7, next=Target(step="b"), topic="nurture", basis="opt_in")
    assert isinstance(found["b"], UnsubscribeStep)
    assert isinstance(found["c"], UnsubscribeStep)
    assert (found["b"].topic, found["c"].topic) == ("nurture", "*")


@pytest.mark.parametrize(
    ("step", "code", "words"),
    [
        ("subscribe: {topic: nurture}", "SCN103", "`basis: opt_in`"),
        ("subscribe: {topic: nurture, basis: card}", "SCN104", "`opt_in`, `customer`"),
        ("subscribe: {topic: service, basis: opt_in}", "SCN104", "`request`"),
        ("subscribe: {topic: nuture, basis: opt_in}", "SCN201", "did you mean `nurture`?"),
        ("subscribe: {basis: opt_in}", "SCN103", "`topic`"),
        ("unsubscribe: {topic: nurtue}", "SCN201", "did you mean `nurture`?"),
        ("unsubscribe: {}", "SCN103", "`topic`"),
        ("unsubscribe: nurture", "SCN102", "a map"),
        ("suppress: {reason: sunset}", "SCN103", "`topics`"),
        ("suppress: {topics: [nurture]}", "SCN103", "`reason`"),
        ("suppress: {topics: [all], reason: sunset}", "SCN201", "unknown topic `all`"),
        ("suppress: {topics: [nurture], reason: 1年}", "SCN109", "1年"),
        ("suppress: {topics: [nurture], reason: a, lift_on: [form_submited]}", "SCN201", "form_submitted"),
        ("suppress: {topics: [nurture], reason: a, lift_on: [[a]]}", "SCN102", "a list"),
        (
            "suppress: {topics: [nurture], reason: a, lift_on: [{event: page_viewed, x: /a}]}",
            "SCN101",
            "path",
        ),
        (
            "suppress: {topics: [nurture], reason: a, lift_on: [{event: email_sent, of: b}]}",
            "SCN112",
            "`of`",
        ),
    ],
)
def test_permission_steps_refuse(tmp_path: Path, step: str, code: str, words: str) -> None:
    found = problems(tmp_path, f"  - {step}\n")
    assert [code for code, _ in found] == [code]
    assert words in found[0][1]


def test_suppress_is_lifted_by_events(tmp_path: Path) -> None:
    step = steps_of(
        tmp_path,
        "  - id: a\n    suppress: {topics: [nurture, service], reason: sunset,"
        " lift_on: [form_submitted, {event: page_viewed, path: /pricing*}]}\n",
    )["a"]
    assert isinstance(step, SuppressStep)
    assert (step.topics, step.reason) == (("nurture", "service"), "sunset")
    assert step.lift_on == (
        EventMatch(event="form_submitted"),
        EventMatch(event="page_viewed", properties=(PropertyMatch(name="path", prefix="/pricing"),)),
    )
