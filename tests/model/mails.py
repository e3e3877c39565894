"""When a mail of the model may go: the caps, and then the send window."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from leadloop.journey.calendar import add_span, next_open
from leadloop.language import plan as p
from tests.model.journey import Message
from tests.model.lead import Lead


def hold_for(
    lead: Lead, message: Message, others: Iterable[Message], now: datetime
) -> tuple[datetime, str] | None:
    """Return until when a mail must wait and why; None where it may go."""
    workspace, zone = lead.publication.workspace, lead.zone
    topic = workspace.topics[message.topic or ""]
    frees: list[datetime] = []
    for name, cap in workspace.limits.frequency.items():
        if topic.caps == "exempt" or name not in ("all", message.topic):
            continue
        since = add_span(now, p.Span(amount=-cap.per.amount, unit=cap.per.unit), zone, None)
        went = [one.at for one in others if one is not message and _counts(workspace, one, name)]
        newer = sorted(at for at in went if at is not None and at > since)
        if len(newer) >= cap.count:
            frees.append(add_span(newer[-cap.count], cap.per, zone, None))
    at = max([now, *frees])
    window = workspace.limits.send_window
    if window is not None and topic.window != "always":
        at = next_open(workspace.calendars[window.calendar], at, zone)
    return None if at <= now else (at, "caps" if frees else "window")


def _counts(workspace: p.Workspace, message: Message, cap: str) -> bool:
    if message.status not in ("sent", "uncertain") or message.topic is None:
        return False
    return workspace.topics[message.topic].caps != "exempt" if cap == "all" else message.topic == cap
