"""When a mail of the model may go: the caps, the mails of a higher priority, and then the send window."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from leadloop.journey.calendar import add_span, next_open
from leadloop.language import plan as p
from tests.model.journey import Message
from tests.model.lead import Lead

_GIVES_WAY = timedelta(hours=1)
_WENT = ("sent", "uncertain")


def hold_for(
    lead: Lead, message: Message, others: Sequence[Message], now: datetime
) -> tuple[datetime, str] | None:
    """Return until when a mail must wait and why; None where it may go.

    Room that mails of a higher priority wait for is not there: it looks again after an hour.
    """
    workspace = lead.publication.workspace
    if workspace.topics[message.topic or ""].caps == "exempt":
        return _in_window(lead, message, now, now, "window")
    frees: list[datetime] = []
    for name, cap in workspace.limits.frequency.items():
        if name not in ("all", message.topic):
            continue
        counted = [one for one in others if one is not message and _counts(workspace, one, name)]
        since = add_span(now, p.Span(amount=-cap.per.amount, unit=cap.per.unit), lead.zone, None)
        went = sorted(one.at for one in counted if one.status in _WENT and one.at and one.at > since)
        ahead = [one for one in counted if _goes_first(lead, one, message, now)]
        free = add_span(went[-cap.count], cap.per, lead.zone, None) if len(went) >= cap.count else now
        if free > now:
            frees.append(free)
        elif len(went) + len(ahead) >= cap.count:
            return _in_window(lead, message, now + _GIVES_WAY, now, "priority")
    return _in_window(lead, message, max([now, *frees]), now, "caps" if frees else "window")


def _counts(workspace: p.Workspace, message: Message, cap: str) -> bool:
    if message.topic is None:
        return False
    return workspace.topics[message.topic].caps != "exempt" if cap == "all" else message.topic == cap


def _goes_first(lead: Lead, other: Message, message: Message, now: datetime) -> bool:
    """Return whether another mail is about to go, of a scenario with a higher priority."""
    plans = lead.publication.plans
    mine, its = (plans[one.journey.plan.scenario].priority for one in (message, other))
    about_to_go = other.status in ("new", "held") and (other.hold_until or now) <= now + _GIVES_WAY
    return about_to_go and its > mine


def _in_window(
    lead: Lead, message: Message, at: datetime, now: datetime, why: str
) -> tuple[datetime, str] | None:
    workspace = lead.publication.workspace
    window = workspace.limits.send_window
    if window is not None and workspace.topics[message.topic or ""].window != "always":
        at = next_open(workspace.calendars[window.calendar], at, lead.zone)
    return (at, why) if at > now else None
