"""Lints of the shared vocabulary, and of scenarios side by side (`SCN52x`)."""

from __future__ import annotations

from leadloop.language.across import disjoint
from leadloop.language.diagnostics import Report
from leadloop.language.flow import edges
from leadloop.language.nodes import Mapping, Node
from leadloop.language.plan import (
    Calendar,
    Entry,
    EventMatch,
    InactiveMatch,
    Plan,
    SegmentMatch,
    SendStep,
    StageMatch,
    StreamStep,
    Topic,
    Workspace,
)
from leadloop.language.scenario import Compiled
from leadloop.language.sources import Place

WHOLE_YEAR = ("01-01", "12-31")


def lint_workspace(report: Report, root: Node, workspace: Workspace) -> None:
    """Report a send window that never opens, and a sender that the law finds incomplete."""
    path = root.place.source.path
    if any(one.severity == "error" and one.path == path for one in report.diagnostics):
        return  # a calendar or a sender with an error counts as empty
    window = workspace.limits.send_window
    if window is not None and not opens(workspace.calendars[window.calendar]):
        report.add("SCN521", _place(root, "calendars", window.calendar), calendar=window.calendar)
    advertising = next((name for name, topic in workspace.topics.items() if is_advertising(topic)), None)
    if advertising is None or not workspace.sender.address:
        return
    for setting in ("postal_address", "complaint_contact"):
        if not getattr(workspace.sender, setting):
            report.add("SCN522", _place(root, "sender"), missing=setting, topic=advertising)


def opens(calendar: Calendar) -> bool:
    """Return whether a calendar has any open hour outside its closed days."""
    return any(calendar.open.values()) and WHOLE_YEAR not in calendar.closed


def is_advertising(topic: Topic) -> bool:
    """Return whether mail of a topic is advertising, not the answer to a request (特定電子メール法 2条)."""
    return any(basis != "request" for basis in topic.basis)


def lint_same_occasion(report: Report, scenarios: list[Compiled], workspace: Workspace) -> None:
    """Report two scenarios that mail the same lead the same advertising topic when it enters.

    Scenarios with an audience, and those of one group, are told apart already.
    """
    for at, one in enumerate(scenarios):
        for other in scenarios[:at]:
            if one.plan is None or other.plan is None or one.name == other.name:
                continue
            if one.plan.audience is not None or other.plan.audience is not None:
                continue
            if one.plan.group is not None and one.plan.group == other.plan.group:
                continue
            _lint_pair(report, one, other, workspace)


def _lint_pair(report: Report, one: Compiled, other: Compiled, workspace: Workspace) -> None:
    for entry, place in one.entries:
        for second, _ in other.entries:
            if not same_occasion(entry, second):
                continue
            both = _mailed(one.plan, entry) & _mailed(other.plan, second)
            if any(is_advertising(workspace.topics[topic]) for topic in both if topic in workspace.topics):
                report.add("SCN520", place, other=other.name)
                return


def same_occasion(one: Entry, other: Entry) -> bool:
    """Return whether two entries can take the same lead at the same moment."""
    first, second = one.match, other.match
    if isinstance(first, EventMatch) and isinstance(second, EventMatch):
        conditions = first.where is not None or second.where is not None
        return first.event == second.event and not conditions and not disjoint(first, second)
    if isinstance(first, StageMatch) and isinstance(second, StageMatch):
        return bool(set(first.stages) & set(second.stages))
    if isinstance(first, SegmentMatch) and isinstance(second, SegmentMatch):
        return first.segment == second.segment
    return isinstance(first, InactiveMatch) and isinstance(second, InactiveMatch)


def _mailed(plan: Plan | None, entry: Entry) -> set[str]:
    """Return the topics of the mails that come before anything waits."""
    topics: set[str] = set()
    seen: set[str] = set()
    queue = [] if plan is None else [entry.start or plan.first]
    while plan is not None and queue:
        step = plan.steps.get(queue.pop())
        if step is None or step.id in seen:
            continue
        seen.add(step.id)
        if isinstance(step, SendStep | StreamStep):
            topics.add(step.topic)
            continue
        queue += [edge.target.step for edge in edges(step) if not edge.waits and edge.target.step]
    return topics


def _place(root: Node, *keys: str) -> Place:
    """Return the place of a key, as deep as it is written."""
    place, node = root.place, root
    for wanted in keys:
        found = next(
            ((key, value) for key, value in node.entries if key.text == wanted)
            if isinstance(node, Mapping)
            else iter(()),
            None,
        )
        if found is None:
            return place
        place, node = found[0].place, found[1]
    return place
