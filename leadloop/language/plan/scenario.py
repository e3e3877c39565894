"""The compiled scenario: its entries, its rules, its steps."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from leadloop.language.plan.base import Frequency, PlanModel, Span
from leadloop.language.plan.matchers import EventMatch, Expression, Matcher, StageMatch
from leadloop.language.plan.steps import Step
from leadloop.language.plan.waits import Cron, Schedule

FORMAT = 1
"""Version of the plan's meaning. `publish` refuses a plan that a live worker cannot run."""


class SegmentMatch(PlanModel):
    """Entry on becoming a member of a segment."""

    kind: Literal["segment"] = "segment"
    segment: str


class InactiveMatch(PlanModel):
    """Entry when the lead has done nothing for this long; a day is a calendar day in its zone."""

    kind: Literal["inactive"] = "inactive"
    after: Span


class DateMatch(PlanModel):
    """Entry at a date of the lead or of a record, or some time before it, or after it."""

    kind: Literal["date"] = "date"
    fact: str
    """`lead.purchase_timing`, or `contract.renews_on`."""
    offset: Span | None = None
    """Added to the date; a negative amount is before it."""
    at: str = "09:00"


class ScheduleMatch(PlanModel):
    """Entry at a recurring time, of all members of a segment or of every lead."""

    kind: Literal["schedule"] = "schedule"
    schedule: Schedule | Cron
    segment: str | None = None
    zone: str | None = None
    """IANA name of the zone whose times these are, for everybody; None is each lead's own."""

    @model_serializer(mode="wrap")
    def _without_empty_zone(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out a zone that is not written: timers name the digest of entries that knew of none."""
        document: dict[str, Any] = dump(self)
        if self.zone is None:
            document.pop("zone", None)
        return document


class ManualMatch(PlanModel):
    """Entry by a person, a command, the API, or an `enrol` step of another scenario."""

    kind: Literal["manual"] = "manual"


EntryMatch = Annotated[
    EventMatch | StageMatch | SegmentMatch | InactiveMatch | DateMatch | ScheduleMatch | ManualMatch,
    Field(discriminator="kind"),
]


class Entry(PlanModel):
    match: EntryMatch
    start: str | None = None
    """Step to begin with; None begins with the first."""
    existing: Literal["include", "exclude"] = "exclude"
    """Do leads enter that match already when the scenario is published?"""
    limit: Frequency | None = None
    """At most so many enter by this entry; the others wait their turn."""
    people: int | None = None
    """So many people of one company must have done it, `within` this time."""
    within: Span | None = None


class Reentry(PlanModel):
    mode: Literal["never", "after_exit", "always"] = "after_exit"
    cooldown: Span | None = None
    most: int | None = None
    """So many times in all; None knows no end."""


class OnEdit(PlanModel):
    """What becomes of people in flight when a new version is published."""

    default: Literal["stay", "move", "finish", "exit"] = "stay"
    steps: dict[str, str] = {}
    """Step of the old version -> step of this one, for `move`."""


class Plan(PlanModel):
    """One compiled scenario. `steps` is flat; nesting became targets."""

    format: int = FORMAT
    scenario: str
    title: str = ""
    topic: str
    per: str = "lead"
    """`lead`, `company`, or a kind of record: what an open journey is unique for."""
    priority: int = 50
    group: str | None = None
    """At most one open journey of a group per lead."""
    entry: tuple[Entry, ...]
    audience: Expression | None = None
    recheck: bool = False
    """Ask the audience again before each mail; who left it is not mailed."""
    reentry: Reentry = Reentry()
    goal: tuple[Matcher, ...] = ()
    exit_when: tuple[Matcher, ...] = ()
    on_edit: OnEdit = OnEdit()
    pause_clock: Literal["run", "freeze", "restart"] = "run"
    """What waits do while the lead is with sales, or the journey is paused."""
    first: str
    steps: dict[str, Step]
