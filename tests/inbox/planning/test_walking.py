"""The mails that a journey would get if nobody reacts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from leadloop.inbox.planning.walking import Walker
from leadloop.language.plan import Publication, Target
from tests.factories import NOW
from tests.language.workspaces import compiled, scenario

WEEK = timedelta(days=7)


def walker(folder: Path, steps: str, until: datetime = NOW + WEEK) -> Walker:
    publication: Publication = compiled(folder, scenario(steps)).require()
    plan = publication.plans["welcome"]
    office = publication.workspace.calendars["office"]
    return Walker(plan, publication.streams, ZoneInfo("Asia/Tokyo"), office, until)


def days(walker: Walker, start: str | None = None) -> list[float]:
    """Return the mails of a journey that begins now, in days from now."""
    mails = walker.mails(Target(step=start or walker.plan.first), NOW)
    return [(at - NOW) / timedelta(days=1) for at in mails]


MAIL = "  - {{id: {0}, send: {{template: mail/case}}}}\n"
A, B, C = (MAIL.format(name) for name in "abc")


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        (A + "  - wait: 3 days\n" + B + "  - wait: 10 days\n" + C, [0, 3]),
        (A + "  - score: {model: engagement, points: 5}\n" + B, [0, 0]),
        (A + "  - {id: w, await: [{event: email_clicked, of: a, go: c}], timeout: 5 days}\n" + B + C,
         [0, 5, 5]),
        (A + "  - {id: w, await: [{event: page_viewed, go: b}], timeout: never}\n" + B, [0]),
        (A + "  - wait: {until: lead.purchase_timing}\n" + B, [0]),  # a date that only the lead knows
        (A + "  - {if: lead.employees > 9, then: [{exit: small}]}\n" + B, [0, 0]),  # the way with more mails
        (A + "  - {id: t, stream: {of: tips, every: 3 days, on_exhausted: {exit: done}}}\n", [0, 0, 3]),
        (A + "  - {id: h, hand_off: {to: inside-sales, accept_within: 1 day, work_within: 9 days}}\n" + B,
         [0]),
        (A + "  - exit: done\n", [0]),
        ("  - {id: r, repeat: {max: 3, steps: [{id: a, send: {template: mail/case}}, {wait: 1 day}]}}\n" + B,
         [0, 1, 2, 3]),
        ("  - {id: e, experiment: {metric: {did: email_clicked, within: 4 hours}, draw: lead, variants: "
         "{a: {share: 50 %, steps: [{exit: b}]}, "
         "b: {share: 50 %, steps: [{id: a, send: {template: mail/case}}]}}}}\n",
         [0]),
        ("  - {switch: [{when: lead.employees > 9, then: [{exit: big}]}], else: [{wait: 1 day}]}\n" + A, [1]),
        ("  - {id: t, task: {type: call, to: inside-sales, due: 1 day, outcomes: [done], on_overdue: a,"
         " on_done: {exit: done}}}\n" + A, [1]),
    ],
)  # fmt: skip
def test_walker_follows_the_plan(tmp_path: Path, steps: str, expected: list[float]) -> None:
    assert days(walker(tmp_path, steps)) == expected


def test_walker_counts_business_days(tmp_path: Path) -> None:
    friday = NOW + timedelta(days=4)  # Monday after it is 勤労感謝の日
    found = walker(tmp_path, "  - wait: 1 business day\n" + A, friday + WEEK)
    assert found.mails(Target(step=found.plan.first), friday) == (friday + timedelta(days=4),)


def test_walker_goes_on_behind_a_wait(tmp_path: Path) -> None:
    found = walker(tmp_path, A + "  - {id: w, wait: 3 days}\n" + B)
    at = NOW + timedelta(days=1)
    assert found.after(found.plan.steps["w"], at) == (at,)
    assert found.after(found.plan.steps["a"], at) == (at + timedelta(days=3),)
    assert found.after(found.plan.steps["b"], at) == ()


def test_walker_ends_where_the_window_ends(tmp_path: Path) -> None:
    found = walker(tmp_path, A, datetime(2026, 1, 1, tzinfo=UTC))
    assert days(found) == []
