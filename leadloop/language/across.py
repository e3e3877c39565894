"""What no file shows alone: names used twice, a loss recycled twice, who may be enrolled where."""

from __future__ import annotations

from leadloop.language.diagnostics import Report
from leadloop.language.plan import EventMatch, ManualMatch
from leadloop.language.scenario import Compiled
from leadloop.language.suggest import Suggestion
from leadloop.language.vocabulary import Vocabulary


def check_across(
    report: Report, scenarios: list[Compiled], vocabulary: Vocabulary, complete: bool = True
) -> None:
    """Check all scenarios side by side. Not `complete`: there are files that were not read."""
    for at, one in enumerate(scenarios):
        for other in scenarios[:at]:
            if one.name and one.name == other.name:
                report.add("SCN407", one.place, name=one.name, path=other.place.source.path)
            elif one.recycles and other.recycles:
                _check_same_loss(report, one, other)
    named = {one.name: one for one in scenarios if one.name}
    for one in scenarios:
        _check_enrols(report, one, named, vocabulary, complete)
    _check_circles(report, named)


def _check_same_loss(report: Report, one: Compiled, other: Compiled) -> None:
    for entry, place in one.entries:
        for other_entry, _ in other.entries:
            first, second = entry.match, other_entry.match
            if (
                isinstance(first, EventMatch)
                and isinstance(second, EventMatch)
                and first.event == second.event == "deal_lost"
                and not disjoint(first, second)
            ):
                report.add("SCN408", place, other=other.name)


def _check_enrols(
    report: Report, one: Compiled, named: dict[str, Compiled], vocabulary: Vocabulary, complete: bool
) -> None:
    """Check that a scenario named by `enrol` exists, takes people by hand, and knows its record."""
    for name, place in one.building.enrols:
        target = named.get(name)
        if target is None:
            if complete:
                report.add("SCN201", place, kind="scenario", name=name, suggestion=Suggestion(name, named))
            continue
        if target.plan is None:  # its own errors come first
            continue
        if not any(isinstance(entry.match, ManualMatch) for entry, _ in target.entries):
            report.add("SCN421", place, name=name)
        if target.per in vocabulary.workspace.records and target.per != one.per:
            report.add(
                "SCN112",
                place,
                problem=f"`{name}` runs `per: {target.per}`, and no `{target.per}` is known here",
                fix=f"enrol from a scenario that runs `per: {target.per}` too, or enter by an event",
            )


def _check_circles(report: Report, named: dict[str, Compiled]) -> None:
    """Report scenarios that enrol into each other for ever; each circle once."""
    told: set[str] = set()
    for start, one in named.items():
        ways = [([start, name], place) for name, place in one.building.enrols]
        seen: set[str] = set()
        while ways and start not in told:
            path, place = ways.pop()
            name = path[-1]
            if name == start:
                fix = "end one of them with `exit`, and let an event begin it again"
                report.add("SCN412", place, fix, path=" → ".join(path))
                told.update(path)
            elif name in named and name not in seen:
                seen.add(name)
                ways += [([*path, after], place) for after, _ in named[name].building.enrols]


def disjoint(first: EventMatch, second: EventMatch) -> bool:
    """Return whether no event can match both, judged by the values of their properties."""
    values = {one.name: set(one.values) for one in first.properties if one.values}
    return any(
        one.name in values and one.values and not values[one.name] & set(one.values)
        for one in second.properties
    )
