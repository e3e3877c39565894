"""The demo from start to end: stack, people, clock, report."""

from __future__ import annotations

import asyncio
import gc
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from leadloop.clock import WarpedClock
from leadloop.delivery.mailbox import MailSummary
from leadloop.demo.cast import Cast
from leadloop.demo.doors import Doors
from leadloop.demo.figures import Progress, read_progress, read_scenarios, story_lead
from leadloop.demo.folders import DemoError, find_leads
from leadloop.demo.governor import BacklogReader, Governor
from leadloop.demo.people import read_people
from leadloop.demo.player import HANDS, Player
from leadloop.demo.sales_cast import SalesCast
from leadloop.demo.show import Screen, story_text
from leadloop.embedded.stack import Stack, running_stack
from leadloop.inbox.doctor import Report, examine
from leadloop.language.plan import HandOffStep, Publication
from leadloop.leads.importing import import_leads
from leadloop.settings import Settings
from leadloop.web.story import StoryLine, story

START = datetime(2026, 6, 1, tzinfo=UTC)
"""A Monday, 09:00 in Tokyo: the same for every run, so that a seed tells the same kind of story."""

_DAY_SECONDS = 86_400
_LOOK_SECONDS = 0.1
_PROGRESS_SECONDS = 1.0
SCENARIOS = ("whitepaper-nurture", "sales-handoff", "lost-deal-recycle")
"""What the demo plays: the main loop of nurturing, hand-off and recycling."""
_FORMS = ("whitepaper", "contact")


@dataclass(frozen=True)
class Options:
    """What the command line asks for. `speed` is scenario days per real second."""

    leads: int = 200
    days: float = 60
    speed: float = 1.0
    seed: int = 1
    stays: bool = False
    """Whether it goes on until it is told to stop, so that a person can look around."""
    machine: bool = False
    """One JSON document on standard output, all else on standard error."""


@dataclass(frozen=True)
class Result:
    """What the demo came to."""

    document: dict[str, Any]
    ok: bool


async def play(settings: Settings, publication: Publication, options: Options, screen: Screen) -> Result:
    """Run the demo. Raises `DemoError`, `StalledError`, `DoorError` and what the stack raises."""
    missing = [form for form in _FORMS if form not in publication.workspace.forms]
    if missing:
        raise DemoError(f"the demo plays the shipped scenarios; this workspace has no form `{missing[0]}`")
    publication = _played_part(publication)
    leads = find_leads(settings.workspace)
    end = START + timedelta(days=options.days)
    clock = WarpedClock(START, options.speed * _DAY_SECONDS, limit=START)
    began = time.monotonic()
    async with running_stack(settings, publication, clock, "leadloop demo") as stack:
        _say_addresses(screen, stack)
        _collect_less_garbage()
        await asyncio.to_thread(import_leads, stack.env, _first_lines(leads, options.leads, settings.state))
        played = _Played(stack, clock, end, options, screen, began)
        with played.running(_make_cast(publication, leads, options)):
            await played.until_rest()
        result = await asyncio.to_thread(played.report, settings.state)
        if options.stays:
            clock.change_speed(1.0)
            clock.run_until(None)
            screen.say(f"\nlook around at {stack.web_url}; it goes on in real time. Stop with Ctrl-C")
            with suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
    return result


def _played_part(publication: Publication) -> Publication:
    """Return the publication with the scenarios whose people the cast knows, where all are there.

    The others begin with events that nobody in the cast causes, or send many mails at one instant:
    they would only make the demo slower.
    """
    plans = {name: publication.plans[name] for name in SCENARIOS if name in publication.plans}
    return publication.model_copy(update={"plans": plans}) if len(plans) == len(SCENARIOS) else publication


class _Played:
    """A demo under way: the people, the governor, and what is shown."""

    def __init__(
        self,
        stack: Stack,
        clock: WarpedClock,
        end: datetime,
        options: Options,
        screen: Screen,
        began: float,
    ) -> None:
        self._stack = stack
        self._clock = clock
        self._end = end
        self._options = options
        self._screen = screen
        self._began = began
        self._zone = ZoneInfo(stack.env.publications.current().publication.workspace.timezone)
        self._first_mail_seconds: float | None = None
        self._governor: Governor | None = None
        self._player: Player | None = None

    @contextmanager
    def running(self, cast: Cast) -> Iterator[None]:
        """Let the people and the clock go."""
        env = self._stack.env
        doors = Doors(self._stack.web_url, HANDS)
        player = Player(self._clock, self._end, self._stack.mailbox, cast, doors, self._on_mail)
        governor = Governor(self._clock, self._end, BacklogReader(env), player.earliest)
        self._player, self._governor = player, governor
        self._screen.begin_progress()
        player.start()
        governor.start()
        try:
            yield
        finally:
            governor.stop()
            player.stop()
            doors.close()
            self._screen.end_progress()

    async def until_rest(self) -> None:
        """Wait until the days are over and nothing is left to do. Raises what went wrong."""
        assert self._governor is not None
        assert self._player is not None
        shown = time.monotonic()
        while not self._governor.at_rest:
            for error in (self._player.error, self._governor.error):
                if error is not None:
                    raise error
            if time.monotonic() - shown >= _PROGRESS_SECONDS:
                await asyncio.to_thread(self._show_progress)
                shown = time.monotonic()
            await asyncio.sleep(_LOOK_SECONDS)
        await asyncio.to_thread(self._show_progress)

    def report(self, state: Path) -> Result:
        """Show the table, one story and the doctor's verdict."""
        assert self._governor is not None
        env, screen = self._stack.env, self._screen
        seconds = time.monotonic() - self._began
        with env.database.read() as session:
            publication = env.publications.current(session).publication
            rows = read_scenarios(session, publication)
            progress = read_progress(session)
            lead_id = story_lead(session)
            lines = story(session, env, lead_id) if lead_id else []
        verdict = examine(env, state / "mailbox")
        screen.say()
        screen.scenarios(rows)
        screen.say(_people_text(progress))
        screen.say()
        if lead_id:
            title = f"One recycled lead's story ({self._stack.web_url}/leads/{lead_id})"
            screen.story(title, lines, self._zone)
        else:
            screen.say("No lead was recycled in this run, so there is no story to tell.")
        _say_verdict(screen, verdict)
        screen.say(
            f"{self._options.days:g} days in {seconds:.0f} s; "
            f"the clock waited {self._governor.waited_seconds:.0f} s for the engine"
        )
        return Result(self._document(rows, progress, lead_id, lines, verdict, seconds), verdict.ok)

    def _document(
        self,
        rows: list[Any],
        progress: Progress,
        lead_id: str | None,
        lines: list[StoryLine],
        verdict: Report,
        seconds: float,
    ) -> dict[str, Any]:
        assert self._governor is not None
        return {
            "options": {name: getattr(self._options, name) for name in ("leads", "days", "speed", "seed")},
            "start": START.isoformat(),
            "end": self._end.isoformat(),
            "seconds": round(seconds, 1),
            "waited_seconds": round(self._governor.waited_seconds, 1),
            "first_mail_seconds": self._first_mail_seconds,
            "totals": asdict(progress),
            "scenarios": [row.as_json() for row in rows],
            "story": {"lead": lead_id, "lines": [_line_json(line, self._zone) for line in lines]},
            "doctor": verdict.as_json(),
        }

    def _on_mail(self, mail: MailSummary) -> None:
        if self._first_mail_seconds is None:
            self._first_mail_seconds = round(time.monotonic() - self._began, 1)
            self._screen.say(f"first mail after {self._first_mail_seconds} s, to {mail.to}: {mail.subject}")

    def _show_progress(self) -> None:
        now = self._clock.now()
        with self._stack.env.database.read() as session:
            progress = read_progress(session)
        day = (now - START) / timedelta(days=1)
        self._screen.progress(day, self._options.days, now.astimezone(self._zone), progress)


@asynccontextmanager
async def stopped_by_signals() -> AsyncIterator[None]:
    """Cancel the block on Ctrl-C or SIGTERM, so that everything in it stops in order."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, task.cancel)
    try:
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


def _collect_less_garbage() -> None:
    """Leave what start-up made out of every collection, and collect less often: a run is short."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def _make_cast(publication: Publication, leads: Path, options: Options) -> Cast:
    workspace = publication.workspace
    zone = ZoneInfo(workspace.timezone)
    queues = [
        workspace.queues[step.queue]
        for plan in publication.plans.values()
        for step in plan.steps.values()
        if isinstance(step, HandOffStep)
    ]
    names = [queue.calendar for queue in queues if queue.calendar]
    calendar = workspace.calendars[names[0]] if names else None
    people = read_people(leads, options.leads, options.days, options.seed)
    return Cast(people, SalesCast(options.seed, calendar, zone), options.seed, START, zone)


def _first_lines(leads: Path, count: int, state: Path) -> Path:
    """Return a file with the first people only; the whole file where it has no more."""
    rows = leads.read_text(encoding="utf-8-sig").splitlines(keepends=True)
    part = state / "leads.csv"
    part.write_text("".join(rows[: count + 1]), encoding="utf-8")
    return part


def _say_addresses(screen: Screen, stack: Stack) -> None:
    pages = {"home": "", "mailbox": "/mailbox", "leads": "/leads", "sales": "/sales"}
    for name, path in pages.items():
        screen.say(f"{name + ':':<10}{stack.web_url}{path}")
    if stack.temporal_ui:
        screen.say(f"{'Temporal:':<10}{stack.temporal_ui}")
    screen.say()


def _say_verdict(screen: Screen, verdict: Report) -> None:
    screen.say()
    checked = f"{len(verdict.checks)} invariants checked"
    if verdict.ok:
        screen.say(f"doctor: {checked}, none broken")
        return
    screen.say(f"doctor: {checked}, broken:")
    for problem in verdict.problems:
        screen.say(f"  {problem}")


def _people_text(progress: Progress) -> str:
    return (
        f"{progress.leads} leads: {progress.entered} entered a scenario, {progress.mql} became MQL, "
        f"{progress.accepted} accepted by sales, {progress.won} won, {progress.lost} lost, "
        f"{progress.recycled} recycled, {progress.won_after_recycling} of them won later; "
        f"{progress.unsubscribed} unsubscribed"
    )


def _line_json(line: StoryLine, zone: ZoneInfo) -> dict[str, Any]:
    return asdict(line) | {"at": line.at.isoformat(), "line": story_text(line, zone).strip()}
