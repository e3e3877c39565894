"""What the demo prints: addresses, progress, the table, one story, the verdict."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from leadloop.demo.figures import Progress, ScenarioRow
from leadloop.web.story import StoryLine

PLAIN_EVERY_DAYS = 5
_FILE_WIDTH = 180

_COLUMNS = (
    "entered", "running", "sent", "opened", "clicked", "mql", "handed_off", "won", "lost", "recycled",
)  # fmt: skip


class Screen:
    """Standard output on a terminal or in a file; standard error where output is for machines."""

    def __init__(self, machine: bool) -> None:
        console = Console(stderr=machine, highlight=False)
        if not console.is_terminal:
            console = Console(stderr=machine, highlight=False, width=_FILE_WIDTH)
        self._console = console
        self._live: Live | None = None
        self._plain_day = 0
        self.is_terminal = console.is_terminal and not machine

    def say(self, text: str = "") -> None:
        """Print a line; nothing in it is markup."""
        self._console.print(Text(text), soft_wrap=True)

    def begin_progress(self) -> None:
        if self.is_terminal:
            self._live = Live(console=self._console, refresh_per_second=4, transient=False)
            self._live.start()

    def progress(self, day: float, days: float, now: datetime, progress: Progress) -> None:
        """Show how far it is: one line that changes on a terminal, else a line every few days."""
        text = _progress_text(day, days, now, progress)
        if self._live is not None:
            self._live.update(Text(text))
        elif int(day) // PLAIN_EVERY_DAYS > self._plain_day:
            self._plain_day = int(day) // PLAIN_EVERY_DAYS
            self.say(text)

    def end_progress(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def scenarios(self, rows: Sequence[ScenarioRow]) -> None:
        table = Table(title="Scenarios", title_justify="left", show_lines=False)
        table.add_column("scenario", no_wrap=True)
        for name in _COLUMNS:
            table.add_column(name.replace("_", " ").replace("mql", "MQL"), justify="right")
        table.add_column("ended by outcome")
        for row in rows:
            values = row.as_json()
            outcomes = ", ".join(f"{name} {number}" for name, number in row.outcomes.items())
            table.add_row(row.scenario, *(str(values[name]) for name in _COLUMNS), outcomes)
        self._console.print(table)

    def story(self, title: str, lines: Sequence[StoryLine], zone: ZoneInfo) -> None:
        self.say(title)
        for line in lines:
            self.say(story_text(line, zone))


def story_text(line: StoryLine, zone: ZoneInfo) -> str:
    """Return one line of a story: time, points, what happened."""
    points = f"{line.points:+4d}" if line.points is not None else "    "
    detail = f"  ({line.detail})" if line.detail and line.kind in ("event", "score", "journey") else ""
    return f"  {line.at.astimezone(zone):%m-%d %H:%M}  {points}  {line.text}{detail}"


def _progress_text(day: float, days: float, now: datetime, progress: Progress) -> str:
    return (
        f"day {int(day):3d} of {days:g} ({now:%Y-%m-%d})  "
        f"entered {progress.entered}  mails {progress.mails}  opened {progress.opened}  "
        f"clicked {progress.clicked}  MQL {progress.mql}  accepted {progress.accepted}  won {progress.won}  "
        f"lost {progress.lost}  recycled {progress.recycled}  "
        f"won after recycling {progress.won_after_recycling}"
    )
