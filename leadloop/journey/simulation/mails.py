"""When a simulated mail may go, and its subject: the send window and the caps, in memory. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from leadloop.journey.calendar import add_span, next_open
from leadloop.journey.effects import AskMessage
from leadloop.language.plan import Publication, Span, Workspace

_IN_SALES = timedelta(days=1)


@dataclass(frozen=True)
class SentMail:
    template: str
    topic: str
    at: datetime


def hold_for(
    workspace: Workspace,
    topic_name: str,
    sent: Sequence[SentMail],
    in_sales: bool,
    zone: ZoneInfo,
    now: datetime,
) -> tuple[datetime, str] | None:
    """Return until when a mail has to wait and why (`sales caps window`), or None."""
    topic = workspace.topics[topic_name]
    exempt = topic.caps == "exempt"
    if in_sales and not exempt:
        return now + _IN_SALES, "sales"
    frees = []
    for name, cap in workspace.limits.frequency.items():
        if exempt or name not in ("all", topic_name):
            continue
        since = add_span(now, Span(amount=-cap.per.amount, unit=cap.per.unit), zone, None)
        counted = [
            one.at
            for one in sent
            if one.at > since and name in ("all", one.topic) and workspace.topics[one.topic].caps != "exempt"
        ]
        if len(counted) >= cap.count:
            frees.append(add_span(counted[-cap.count], cap.per, zone, None))
    at = max([now, *frees])
    window = workspace.limits.send_window
    if window is not None and topic.window != "always":
        local = zone if window.timezone == "lead" else ZoneInfo(workspace.timezone)
        at = next_open(workspace.calendars[window.calendar], at, local)
    if at <= now:
        return None
    return at, "caps" if frees else "window"


def subject_of(publication: Publication, asked: AskMessage) -> str:
    """Return the subject as it is written, in the workspace's language; empty where there is none."""
    if asked.subject:
        return f" “{asked.subject}”"
    text = publication.templates.get(f"{asked.template}.{publication.workspace.locale}.md", "")
    for line in text.splitlines():
        if line.startswith("subject:"):
            return f" “{line.removeprefix('subject:').strip()}”"
    return ""
