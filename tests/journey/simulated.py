"""Scenarios written in a few lines, played for one made-up lead."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from leadloop.journey.simulation import Behaviour, Choices, Deed, Timeline, simulate
from leadloop.language.plan import Publication, Span
from tests.language.rich_workspace import RICH, WORKSPACE, W
from tests.language.workspaces import Files, compiled

TOKYO = ZoneInfo("Asia/Tokyo")
MONDAY = datetime(2026, 11, 16, 10, tzinfo=TOKYO)
RECORDS = """\
records:
  seminar: {fields: {title: text, starts_at: datetime}}
  contract: {of: company, contact: lead,
             fields: {renews_on: date, status: {type: enum, values: [active, ended]}}}
"""
EVENTS = """\
  seminar_registered: {seminar: seminar}
  event_attended: {seminar: seminar}
  contract_renewed: {contract: contract}
  milestone_reached: {milestone: text, size: int}
"""
SEGMENTS = """\
it_people: {when: 'lead.industry == "it"'}
visitors: {when: {did: page_viewed, at_least: 2, within: 30 days}}
"""


def published(folder: Path, steps: str, header: str = "", entry: str = "", **files: str) -> Publication:
    """Compile the rich workspace with one scenario `welcome`; `files` are other scenarios by name."""
    entry = entry or "{event: form_submitted, form: whitepaper}"
    more: Files = {f"scenarios/{name.replace('_', '-')}.yaml": text for name, text in files.items()}
    text = f"scenario: welcome\ntopic: nurture\nentry:\n  - {entry}\n{header}steps:\n{steps}"
    workspace = WORKSPACE.replace("  form_submitted:", f"{EVENTS}  form_submitted:", 1) + RECORDS
    shared: Files = {W: workspace, "scenarios/segments.yaml": SEGMENTS, "scenarios/welcome.yaml": text}
    compilation = compiled(folder, {**RICH, **shared, **more})
    assert compilation.errors == [], [one.render() for one in compilation.errors]
    return compilation.require()


def play(
    publication: Publication, behaviour: Behaviour = "ignores", start: datetime = MONDAY, **choices: Any
) -> Timeline:
    """Play `welcome`; keywords are those of `Choices`."""
    return simulate(publication, "welcome", behaviour, start, Choices(**choices))


def deed(days: int, event: str, of: str | None = None, **properties: Any) -> Deed:
    """Return something that happens so many days after the entry."""
    return Deed(Span(amount=days, unit="days"), event, properties, of=of)


def told(timeline: Timeline, step: str | None = None) -> list[str]:
    """Return the texts of the lines, of one step where it is named."""
    return [line.text for line in timeline.lines if step in (None, line.step)]


def at(timeline: Timeline, text: str) -> str:
    """Return when, in Tokyo, the first line that contains a text stands: `11-16 10:00`."""
    found = next(line for line in timeline.lines if text in line.text)
    return f"{found.at.astimezone(TOKYO):%m-%d %H:%M}"
