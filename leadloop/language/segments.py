"""segments.yaml -> segments: named groups of leads, by a condition."""

from __future__ import annotations

import re

from leadloop.language.allowing import ALLOW
from leadloop.language.diagnostics import Report
from leadloop.language.expressions import Scope, compile_condition
from leadloop.language.fields import Fields, mapping, named
from leadloop.language.nodes import Mapping, Node
from leadloop.language.plan import Segment
from leadloop.language.vocabulary import Vocabulary

_MEMBER = re.compile(r"[\"']([^\"']+)[\"']\s+in\s+lead\.segments\b")
_ANY_USE = re.compile(r"(?<![\w.])lead\.segments\b")


def segment_names(root: Node | None) -> tuple[str, ...]:
    """Return the segments a file declares, without judging it."""
    return tuple(name for name in root.names() if name != ALLOW) if isinstance(root, Mapping) else ()


def read_segments(report: Report, root: Node, vocabulary: Vocabulary) -> dict[str, Segment]:
    """Return name -> segment."""
    found = mapping(report, root, "segments.yaml")
    scope = Scope(
        vocabulary.lead_facts,
        waiting=True,
        why_not="a segment knows only the lead",
        vocabulary=vocabulary,
    )
    segments: dict[str, Segment] = {}
    places: dict[str, Node] = {}
    for key, value in found.entries if found is not None else []:
        if key.text == ALLOW:
            continue
        name = named(report, key, "a segment")
        one = mapping(report, value, f"the segment `{key.text}`")
        if name is None or one is None:
            continue
        fields = Fields(report, one, f"the segment `{name}`")
        title = fields.text("title") or ""
        node = fields.take("when", "when: lead.employees >= 100")
        when = None if node is None else compile_condition(report, node, "`when`", scope)
        fields.finish()
        if when is not None:
            segments[name] = Segment(title=title, when=when)
            places[name] = key
    _report_cycles(report, segments, places)
    return segments


def members_asked(segment: Segment) -> list[str]:
    """Return the segments that a segment's condition asks for."""
    return _MEMBER.findall(segment.when.source)


def _report_cycles(report: Report, segments: dict[str, Segment], places: dict[str, Node]) -> None:
    """Report segments that hang on themselves, and conditions whose segments cannot be told."""
    for name, segment in segments.items():
        if len(_ANY_USE.findall(segment.when.source)) > len(members_asked(segment)):
            report.add(
                "SCN112",
                places[name].place,
                problem="a segment may ask for another one only by its name",
                fix="write `{segment: NAME}`",
            )
    told: set[str] = set()
    for name in segments:
        path = _way_back(name, segments)
        if path and not told & set(path):
            report.add("SCN420", places[name].place, path=" → ".join([*path, name]))
            told.update(path)


def _way_back(start: str, segments: dict[str, Segment]) -> list[str]:
    """Return the segments on a way from one back to itself, empty where there is none."""
    seen: set[str] = set()
    ways = [[start]]
    while ways:
        way = ways.pop()
        for name in members_asked(segments[way[-1]]):
            if name == start:
                return way
            if name in segments and name not in seen:
                seen.add(name)
                ways.append([*way, name])
    return []
