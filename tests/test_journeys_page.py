"""docs/journeys.md: its examples compile, the worked ones are true, and every section has one."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from leadloop.journey.calendar import resolve_wait
from tests.language.rich_workspace import RICH, WORKSPACE, steps_of
from tests.language.workspaces import compiled

PAGE = (Path(__file__).parents[1] / "docs" / "journeys.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^ *```yaml\n(.*?)^ *```", PAGE, re.MULTILINE | re.DOTALL)
SECTIONS = re.split(r"^## (.+)\n", PAGE, flags=re.MULTILINE)[1:]
SEMINARS = "records:\n  seminar: {fields: {starts_at: datetime}}\n" + WORKSPACE.replace(
    "  form_submitted:",
    "  seminar_registered: {seminar: seminar}\n  seminar_cancelled: {seminar: seminar}\n  form_submitted:",
)
CASE = "  - id: case\n    send: {template: mail/case}\n"
_WAIT = re.compile(r"^\| `(.+?)` \| (\S+) \| (\S+) \| (\d\S+?)(?:[,:] .*)? \|$", re.MULTILINE)
WAITS = _WAIT.findall(PAGE)


def test_page_has_examples() -> None:
    assert len(BLOCKS) > 12
    assert len(WAITS) > 12


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.strip().splitlines()[-1].strip()[:40])
def test_page_example_compiles(tmp_path: Path, block: str) -> None:
    depth = len(block) - len(block.lstrip(" "))
    text = "\n".join(line[depth:] for line in block.splitlines()) + "\n"
    body = re.sub(r"^#.*\n", "", text, flags=re.MULTILINE)
    header, steps = "", ""
    if body.startswith("- "):
        steps = re.sub("^(?=.)", "  ", text, flags=re.MULTILINE)
    else:
        header, _, steps = text.partition("steps:\n")
    if "id: case" not in steps:
        steps += CASE
    head = {"entry": "entry: [{event: form_submitted, form: whitepaper}]\n", "topic": "topic: nurture\n"}
    given = "".join(line for name, line in head.items() if not re.search(rf"^{name}:", header, re.MULTILINE))
    files = {**RICH, "scenarios/workspace.yaml": SEMINARS}
    files["scenarios/welcome.yaml"] = f"scenario: welcome\n{given}{header}steps:\n{steps}"
    assert [one.render() for one in compiled(tmp_path, files).errors] == []


@pytest.mark.parametrize(("wait", "zone", "arrives", "ends"), WAITS, ids=[wait[0] for wait in WAITS])
def test_page_wait_ends_when_the_page_says(
    tmp_path: Path, wait: str, zone: str, arrives: str, ends: str
) -> None:
    steps = steps_of(tmp_path, f"  - {{id: rest, wait: {wait}}}\n")
    local = ZoneInfo(zone)
    office = compiled(tmp_path).require().workspace.calendars["office"]
    found = resolve_wait(
        steps["rest"].wait,
        start=datetime.fromisoformat(arrives).replace(tzinfo=local),
        zone=local,
        calendar=office,
        fact=lambda name: None,
    )
    assert found is not None
    assert found.at == datetime.fromisoformat(ends).replace(tzinfo=local).astimezone(UTC)


@pytest.mark.parametrize(
    ("name", "text"), list(zip(SECTIONS[::2], SECTIONS[1::2], strict=True)), ids=SECTIONS[::2]
)
def test_page_section_has_an_example(name: str, text: str) -> None:
    """A block, a table, or a paragraph behind the rules that plays one through."""
    paragraphs = re.split(r"\n\n+", text.strip())
    assert any(not one.startswith("- ") for one in paragraphs[1:]) or "|" in text, name
