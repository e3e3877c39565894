"""workspace.yaml, scoring.yaml, lifecycle.yaml and streams.yaml: shapes and refusals."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from leadloop.language.plan import Every, Frequency, SendWindow, Span
from tests.language.workspaces import compiled, edited

W, S, L, T = (f"scenarios/{name}.yaml" for name in ("workspace", "scoring", "lifecycle", "streams"))


def test_workspace_is_compiled(tmp_path: Path) -> None:
    workspace = compiled(tmp_path).require().workspace
    assert (workspace.name, workspace.timezone, workspace.locale) == ("acme", "Asia/Tokyo", "ja")
    assert workspace.sender.name == "株式会社アクメ"
    assert workspace.lead_fields["industry"].values == ("manufacturing", "it")
    assert workspace.forms["contact"].inquiry
    assert workspace.topics["service"].window == "always"
    assert workspace.calendars["office"].closed == (("12-29", "01-03"),)
    assert workspace.calendars["office"].open[4] == (("09:00", "18:00"),)
    assert 5 not in workspace.calendars["office"].open
    assert workspace.limits.frequency == {"nurture": Frequency(count=2, per=Span(amount=7, unit="days"))}
    assert workspace.limits.send_window == SendWindow(calendar="office", timezone="lead")
    assert workspace.queues["inside-sales"].members == {"sato@acme.example": 50}
    assert workspace.lost_reasons == {"timing": "時期尚早", "no_budget": "予算なし"}


def test_queue_members_may_be_a_list(tmp_path: Path) -> None:
    files = edited(W, "{sato@acme.example: {capacity: 50}}", "[sato@acme.example, suzuki@acme.example]")
    queue = compiled(tmp_path, files).require().workspace.queues["inside-sales"]
    assert queue.members == {"sato@acme.example": None, "suzuki@acme.example": None}
    assert queue.assign == ("round_robin",)


def test_scoring_is_compiled(tmp_path: Path) -> None:
    rule = "path: /pricing*, points: 10, every: 3 times within 30 days}"
    scoring = compiled(tmp_path, edited(S, "points: 3, at_most: 1 per day}", rule)).require().scoring
    engagement = scoring.models["engagement"]
    assert engagement.rules[0].every == Every(times=3, within=Span(amount=30, unit="days"))
    assert engagement.rules[0].match.properties[0].prefix == "/pricing"
    assert (engagement.half_life, engagement.cap, engagement.trust) == (
        Span(amount=30, unit="days"),
        100,
        "likely",
    )
    assert scoring.bands["engagement"].levels == (("hot", 30), ("warm", 15), ("cold", 0))
    assert scoring.models["fit"].attributes[0].when.source == "lead.employees >= 100"


def test_lifecycle_is_compiled(tmp_path: Path) -> None:
    lifecycle = compiled(tmp_path).require().lifecycle
    first, second = lifecycle.transitions
    assert (first.id, first.source, first.event) == ("mql-1", ("lead", "recycled"), None)
    assert (second.id, second.source, second.when) == ("customer-1", None, None)
    assert second.event is not None


def test_stream_items_have_days(tmp_path: Path) -> None:
    files = edited(T, "{template: tips/1}", "{template: tips/1, from: 2026-11-10, until: 2026-12-07}")
    item = compiled(tmp_path, files).require().streams["tips"].items[0]
    assert (item.from_day, item.until_day) == (date(2026, 11, 10), date(2026, 12, 7))


@pytest.mark.parametrize(
    ("path", "old", "new", "code"),
    [
        (W, "workspace: acme", "workspace: acme corp", "SCN109"),
        (W, "Asia/Tokyo", "Asia/Tokio", "SCN201"),
        (W, "Asia/Tokyo", "../../etc/passwd", "SCN201"),
        (W, "locale: ja\n", "", "SCN103"),
        (W, "name: 株式会社アクメ, ", "", "SCN103"),
        (W, "{type: int}", "{type: integer}", "SCN104"),
        (W, "values: [manufacturing, it]", "values: [it, it]", "SCN202"),
        (W, ", values: [manufacturing, it]", "", "SCN103"),
        (W, "employees:", "Employees:", "SCN109"),
        (W, "employees:", "in:", "SCN109"),
        (W, "purchase_timing:", "tags:", "SCN203"),
        (W, "{form: form}", "{form: from}", "SCN201"),
        (W, "seconds: int", "where: int", "SCN109"),
        (W, "page_viewed:", "email_clicked:", "SCN203"),
        (W, "basis: [opt_in, customer]", "basis: []", "SCN113"),
        (W, "window: always", "window: never", "SCN104"),
        (W, "holidays: JP", "holidays: XX", "SCN107"),
        (W, "open: {mon-fri: 09:00-18:00}", "open: {}", "SCN113"),
        (W, "mon-fri: 09:00-18:00", "mon-fri: 18:00-09:00", "SCN107"),
        (W, "mon-fri: 09:00-18:00", "mon-fri: 09:00-18:00, fri: 09:00-12:00", "SCN112"),
        (W, "frequency: {nurture:", "frequency: {nurtre:", "SCN201"),
        (W, "send_window: {calendar: office}", "send_window: {calendar: offise}", "SCN201"),
        (W, "capacity: 50", "capacity: 0", "SCN105"),
        (W, "}, calendar: office}\nlost", "}, calendar: none}\nlost", "SCN201"),
        (W, "tags: [vip]", "tags: vip", "SCN102"),
        (S, "event: page_viewed", "event: page_view", "SCN201"),
        (S, "id: visit, ", "", "SCN103"),
        (S, "points: 3", "points: 3.5", "SCN105"),
        (S, "at_most: 1 per day", "at_most: once", "SCN107"),
        (S, "at_most: 1 per day", "at_most: 1 per message", "SCN112"),
        (S, "at_most: 1 per day", "of: thanks", "SCN112"),
        (S, "half_life: 30 days", "half_life: 30 business days", "SCN112"),
        (S, "cap: 100", "cap: 0", "SCN105"),
        (S, "cap: 100", "trust: maybe", "SCN104"),
        (S, "  engagement: {levels", "  engagment: {levels", "SCN201"),
        (S, "cold: 0", "cold: 5", "SCN112"),
        (S, "warm: 15", "warm: 30", "SCN112"),
        (S, "hysteresis: 5", "hysteresis: 15", "SCN112"),
        (L, "[lead, mql, customer, recycled]", "[lead, mql, customer, recycled, mql]", "SCN202"),
        (L, "to: mql", "to: mlq", "SCN201"),
        (L, "from: any", "from: anything", "SCN201"),
        (L, "from: any, ", "", "SCN103"),
        (L, ", event: deal_won", "", "SCN112"),
        (L, "event: deal_won", "event: deal_wan", "SCN201"),
        (T, "template: tips/1", "template: tips/9", "SCN451"),
        (T, "template: tips/1", "template: tips/1, when: run.cycle == 0", "SCN302"),
        (T, "template: tips/1", "template: tips/1, from: 2026-12-01, until: 2026-11-01", "SCN112"),
        (T, "template: tips/1", "template: tips/1, from: 2026-13-01", "SCN107"),
        (T, "tips:\n", "tips:\n  order: random\n", "SCN104"),
    ],
)
def test_mistake_is_refused(tmp_path: Path, path: str, old: str, new: str, code: str) -> None:
    compilation = compiled(tmp_path, edited(path, old, new))
    found = [one for one in compilation.errors if one.path == path]
    assert [one.code for one in found] == [code], [one.render() for one in compilation.diagnostics]
