"""`entry`: the ways into a scenario, by an event, a stage, a segment, time, or by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from leadloop.language.diagnostics import Report
from leadloop.language.expressions import Scope
from leadloop.language.fields import Fields, known_name, mapping, text, time_zone
from leadloop.language.matchers import MatchReader
from leadloop.language.nodes import Node, Scalar
from leadloop.language.plan import (
    DateMatch,
    Entry,
    EntryMatch,
    EventMatch,
    Frequency,
    InactiveMatch,
    ManualMatch,
    ScheduleMatch,
    SegmentMatch,
    Span,
    StageMatch,
)
from leadloop.language.schedules import parse_schedule
from leadloop.language.sources import Place
from leadloop.language.spans import parse_frequency, parse_time
from leadloop.language.suggest import Suggestion
from leadloop.language.vocabulary import Vocabulary

FORMS = ("event", "stage", "segment", "inactive", "date", "schedule", "manual")
CALENDAR_UNITS = ("days", "weeks", "months")
EXISTING = ("include", "exclude")
LASTING = (StageMatch, SegmentMatch, InactiveMatch, DateMatch)
"""Entries by something that lasts: a lead can match them before the scenario is published."""


@dataclass(frozen=True)
class Defaults:
    """What the header says for all entries that do not say it themselves."""

    existing: str | None = None
    limit: Frequency | None = None


@dataclass(frozen=True)
class ReadEntry:
    """An entry, and where it stands; `start` is where its step is named."""

    entry: Entry
    place: Place
    start: Scalar | None


@dataclass
class EntryReader:
    """Reads the entries of one scenario, which runs `per` lead, company or record."""

    report: Report
    vocabulary: Vocabulary
    per: str
    defaults: Defaults

    def read(self, node: Node) -> ReadEntry | None:
        """Return one entry, or None after a report."""
        found = mapping(self.report, node, "an entry")
        if found is None:
            return None
        fields = Fields(self.report, found, "an entry")
        match = self._match(fields)
        start_node = fields.node.get("start")
        settings: dict[str, Any] = {"match": match, "start": fields.text("start")}
        settings.update(self._people(fields, match))
        settings["existing"] = self._existing(fields, match)
        settings["limit"] = fields.parsed("limit", parse_frequency) or self.defaults.limit
        fields.finish()
        if match is None:
            return None
        self._check_record(fields, match)
        start = start_node if isinstance(start_node, Scalar) else None
        return ReadEntry(Entry.model_validate(settings), found.place, start)

    def _match(self, fields: Fields) -> EntryMatch | None:
        written = [form for form in FORMS if fields.has(form)]
        if "event" in written:  # its properties may have the names of other forms
            written = ["event"]
        elif written == ["segment", "schedule"]:
            written = ["schedule"]
        if len(written) != 1:
            self._no_form(fields, written)
            return None
        readers: dict[str, Callable[[Fields], EntryMatch | None]] = {
            "event": self._event_or_stage,
            "stage": self._event_or_stage,
            "segment": self._segment,
            "inactive": self._inactive,
            "date": self._date,
            "schedule": self._schedule,
            "manual": self._manual,
        }
        return readers[written[0]](fields)

    def _no_form(self, fields: Fields, written: list[str]) -> None:
        for name in fields.node.names():
            fields.take(name)
        fix = "write one of: " + ", ".join(f"`{form}: …`" for form in FORMS)
        problem = "an entry says what brings a lead in"
        if written:
            problem = f"an entry has {' and '.join(f'`{form}`' for form in written)}"
            fix = "write two entries"
        elif fields.node.get("when") is not None:
            fix = "declare a segment with this condition, and enter by `{segment: NAME}`"
        self.report.add("SCN112", fields.node.place, problem=problem, fix=fix)

    def _event_or_stage(self, fields: Fields) -> EntryMatch | None:
        scope = Scope(
            self.vocabulary.lead_facts,
            why_not="an entry knows only the lead and the event",
            vocabulary=self.vocabulary,
        )
        match = MatchReader(self.vocabulary, scope, kinds=("event", "stage")).read(fields)
        return match if isinstance(match, EventMatch | StageMatch) else None

    def _segment(self, fields: Fields) -> SegmentMatch | None:
        name = fields.known("segment", "segment", self.vocabulary.segments)
        return None if name is None else SegmentMatch(segment=name)

    def _inactive(self, fields: Fields) -> InactiveMatch | None:
        after = fields.span("inactive")
        if after is None or not self._in_calendar_units("inactive", fields, after):
            return None
        return InactiveMatch(after=after)

    def _date(self, fields: Fields) -> DateMatch | None:
        node = fields.take("date")
        fact = None if node is None else text(self.report, node, "`date`")
        before, after = fields.span("before", zero=True), fields.span("after", zero=True)
        at = fields.parsed("at", parse_time)
        if fields.has("before") and fields.has("after"):
            self.report.add(
                "SCN112",
                fields.node.place,
                problem="an entry is `before` or `after` its date",
                fix="keep one",
            )
        offset = None if before is None else Span(amount=-before.amount, unit=before.unit)
        if after is not None:
            offset = after
        named = "before" if before is not None else "after"
        if offset is not None and not self._in_calendar_units(named, fields, offset, business=True):
            return None
        if node is None or fact is None or not self._is_date(node, fact):
            return None
        return DateMatch(fact=fact, offset=offset, at=at or "09:00")

    def _is_date(self, node: Node, fact: str) -> bool:
        """Return whether a name is a date that can enter somebody; report it if not."""
        records = self.vocabulary.workspace.records
        dates = [name for name, one in self.vocabulary.lead_facts.items() if one.type == "instant"]
        for kind, record in records.items():
            dates += [
                f"{kind}.{name}" for name, spec in record.fields.items() if spec.type in ("date", "datetime")
            ]
        if fact not in dates:
            self.report.add("SCN201", node.place, kind="date", name=fact, suggestion=Suggestion(fact, dates))
            return False
        kind = fact.partition(".")[0]
        if kind == "lead":
            return True
        record = records[kind]
        of_company = record.of == "company" and self.per == "company"
        if record.of != "lead" and record.contact is None and not of_company:
            self.report.add(
                "SCN112",
                node.place,
                problem=f"a `{kind}` belongs to nobody: nobody would enter",
                fix="declare `of: lead`, or `of: company` with `contact: lead`, in `records`",
            )
            return False
        return True

    def _schedule(self, fields: Fields) -> ScheduleMatch | None:
        schedule = fields.parsed("schedule", parse_schedule)
        segment = fields.known("segment", "segment", self.vocabulary.segments)
        node = fields.take("zone")
        zone = None if node is None else time_zone(self.report, node, "`zone`")
        missing = (segment is None and fields.has("segment")) or (zone is None and node is not None)
        if schedule is None or missing:
            return None
        return ScheduleMatch(schedule=schedule, segment=segment, zone=zone)

    def _manual(self, fields: Fields) -> ManualMatch | None:
        if fields.boolean("manual") is False:
            self.report.add(
                "SCN112",
                fields.node.place,
                problem="`manual: false` is no entry",
                fix="remove the entry: without one nobody enters by hand",
            )
            return None
        return ManualMatch()

    def _people(self, fields: Fields, match: EntryMatch | None) -> dict[str, Any]:
        """Return `people: 3, within: 14 days`: so many people of one company."""
        people, within = fields.integer("people", 2, 1000), fields.span("within")
        written = [name for name in ("people", "within") if fields.has(name)]
        if not written:
            return {}
        problem, fix = "", ""
        if len(written) == 1:
            missing = "within" if written == ["people"] else "people"
            problem = f"`{written[0]}` without `{missing}`"
            fix = "write both: `people: 3, within: 14 days`"
        elif match is not None and not isinstance(match, EventMatch):
            problem, fix = "`people` goes with an event", "write `{event: …, people: 3, within: 14 days}`"
        elif self.per != "company":
            problem, fix = "`people` counts the people of a company", "add `per: company` to the scenario"
        elif within is not None and within.unit.startswith("business"):
            problem, fix = "`within` counts the past without a calendar", "write `within: 14 days`"
        if problem:
            self.report.add("SCN112", fields.node.place, problem=problem, fix=fix)
            return {}
        return {"people": people, "within": within}

    def _existing(self, fields: Fields, match: EntryMatch | None) -> Literal["include", "exclude"]:
        written = fields.choice("existing", EXISTING)
        if match is not None and not isinstance(match, LASTING):
            if written == "include":
                self._nobody_before(fields.node.place)
            return "exclude"
        return "include" if (written or self.defaults.existing) == "include" else "exclude"

    def check_defaults(self, place: Place, entries: list[ReadEntry]) -> None:
        """Report a header's `existing: include` that no entry can follow."""
        lasting = any(isinstance(one.entry.match, LASTING) for one in entries)
        if self.defaults.existing == "include" and entries and not lasting:
            self._nobody_before(place)

    def _nobody_before(self, place: Place) -> None:
        self.report.add(
            "SCN112",
            place,
            problem="`existing: include` has no meaning here: an event or a time is over, not a state",
            fix="enter by a segment, for example of leads that `did` it",
        )

    def _check_record(self, fields: Fields, match: EntryMatch) -> None:
        """Report an entry of a `per: <record>` scenario from which no record is known."""
        if self.per in ("lead", "company", "") or isinstance(match, ManualMatch):
            return
        fix = "enter by an event with such a property, by a date of it, or by `{manual: true}`"
        if isinstance(match, EventMatch):
            properties = self.vocabulary.events[match.event]
            if any(spec.record == self.per for spec in properties.values()):
                return
            fix = f"declare a property of it: `{match.event}: {{{self.per}: {self.per}}}`"
        elif isinstance(match, DateMatch) and match.fact.startswith(f"{self.per}."):
            return
        self.report.add("SCN422", fields.node.place, record=self.per, fix=fix)

    def _in_calendar_units(self, name: str, fields: Fields, length: Span, business: bool = False) -> bool:
        units = (*CALENDAR_UNITS, "business_days") if business else CALENDAR_UNITS
        if length.unit in units:
            return True
        node = fields.node.get(name) or fields.node
        self.report.add(
            "SCN112", node.place, problem=f"`{name}` counts calendar days", fix=f"write `{name}: 90 days`"
        )
        return False


def read_defaults(fields: Fields) -> Defaults:
    """Return `existing` and `limit` of a scenario's header."""
    return Defaults(fields.choice("existing", EXISTING), fields.parsed("limit", parse_frequency))


def read_per(fields: Fields, vocabulary: Vocabulary) -> str:
    """Return `lead`, `company`, or a kind of record; empty after a report."""
    node = fields.take("per")
    if node is None:
        return "lead"
    return known_name(fields.report, node, "unit", ("lead", "company", *vocabulary.workspace.records)) or ""
