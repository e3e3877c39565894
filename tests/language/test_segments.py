"""segments.yaml: shapes, scope, and segments that ask for each other."""

from __future__ import annotations

from pathlib import Path

import pytest

from leadloop.language.plan import SegmentMatch, Span
from tests.language.workspaces import FILES, compiled, edited

G, N = "scenarios/segments.yaml", "scenarios/welcome.yaml"


def test_segments_are_compiled(tmp_path: Path) -> None:
    text = """\
newsletter: {title: メールマガジン, when: '!lead.in_sales && lead.stage != "customer"'}
active: {when: {did: page_viewed, within: 30 days}}
sleepy:
  when: {all: [{segment: newsletter}, {not: {segment: active}}, {not: {did: email_clicked, within: 9 weeks}}]}
"""
    publication = compiled(tmp_path, {G: text}).require()
    segments = publication.segments
    assert segments["newsletter"].title == "メールマガジン"
    assert segments["newsletter"].when.variables == {"lead.in_sales": "bool", "lead.stage": "text"}
    assert [one.within for one in segments["active"].when.did.values()] == [Span(amount=30, unit="days")]
    assert segments["sleepy"].when.source.startswith('("newsletter" in lead.segments) && (!("active" in')
    assert "segments" in publication.digests()
    assert publication.sources[G] == text


def test_segment_names_are_known_everywhere(tmp_path: Path) -> None:
    files = edited(N, "goal:", "  - {segment: a, start: case}\naudience: '\"a\" in lead.segments'\ngoal:")
    files[N] = str(files[N]).replace(
        "{stage: mql}", "[{event: segment_left, segment: a}, {when: {segment: a}}]"
    )
    plan = compiled(tmp_path, {**files, G: "a: {when: lead.in_sales}\n"}).require().plans["welcome"]
    assert plan.entry[1].match == SegmentMatch(segment="a")
    for old in ("{segment: a, start", "segment_left, segment: a", '"a" in', "when: {segment: a}"):
        broken = str(files[N]).replace(old, old.replace(" a", " b").replace('"a"', '"b"'))
        assert compiled(tmp_path, {N: broken}).publication is None


@pytest.mark.parametrize(
    ("text", "code", "place"),
    [
        ("[a]\n", "SCN102", "1:1"),
        ("a: lead.in_sales\n", "SCN102", "1:4"),
        ("a: {title: x}\n", "SCN103", "1:4"),
        ("a: {when: lead.in_sales, wehn: x}\n", "SCN101", "1:26"),
        ("1a: {when: lead.in_sales}\n", "SCN109", "1:1"),
        ("a: {when: lead.created_at < now}\n", "SCN304", "1:29"),
        ("a: {when: run.cycle > 1}\n", "SCN302", "1:11"),
        ("a: {when: lead.score.fit > lead.employees}\n", "SCN308", "1:11"),
        ("a: {when: {did: page_viewed, since: entry}}\n", "SCN112", "1:37"),
        ("a: {when: {did: email_clicked, of: thanks}}\n", "SCN112", "1:36"),
        ("a: {when: {segment: a}}\n", "SCN420", "1:1"),
        ("a: {when: '\"b\" in lead.segments'}\nb: {when: {any: [{segment: a}]}}\n", "SCN420", "1:1"),
        ("a: {when: 'lead.segments.exists(s, s == \"a\")'}\n", "SCN112", "1:1"),
    ],
)
def test_mistake_is_refused(tmp_path: Path, text: str, code: str, place: str) -> None:
    found = [(one.code, f"{one.line}:{one.column}") for one in compiled(tmp_path, {G: text}).errors]
    assert found == [(code, place)]


def test_cycle_is_told_once_with_its_way(tmp_path: Path) -> None:
    text = (
        "a: {when: {segment: b}}\nb: {when: {segment: c}}\nc: {when: {segment: a}}\nd: {when: {segment: a}}\n"
    )
    errors = compiled(tmp_path, {G: text}).errors
    assert [one.message for one in errors] == ["a segment hangs on itself: a → b → c → a"]


def test_workspace_without_segments_keeps_its_digests(tmp_path: Path) -> None:
    publication = compiled(tmp_path).require()
    assert publication.segments == {}
    assert "segments" not in publication.digests()
    assert FILES.get(G) is None
