"""When a mail may go: the send window and the caps on how many mails a lead gets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import func
from sqlmodel import Session, col, select

from leadloop.inbox.facts import company_of, lead_zone
from leadloop.journey.calendar import add_span, next_open
from leadloop.language.plan import Frequency, Publication, Span, Topic, Workspace
from leadloop.storage.tables import Lead, Message, MessageStatus

ALL = "all"
_GIVE_WAY = timedelta(hours=1)
"""How long a mail makes room for one of a higher priority before it looks again."""
COUNTED = (MessageStatus.SENT, MessageStatus.SENDING, MessageStatus.UNCERTAIN)
"""What may have reached the lead counts."""


@dataclass(frozen=True)
class Hold:
    """A mail that has to wait: until when, and the code of what it waits for."""

    until: datetime
    reason: str


def window_hold(
    session: Session, lead: Lead, topic: Topic, workspace: Workspace, now: datetime
) -> Hold | None:
    """Return until when the send window is closed, None where it is open.

    Raises `ValueError` for a calendar that never opens.
    """
    opens = _in_window(session, now, lead, topic, workspace)
    return Hold(opens, "window") if opens > now else None


def cap_hold(
    session: Session, message: Message, lead: Lead, topic: Topic, publication: Publication, now: datetime
) -> Hold | None:
    """Return until when the caps are reached, moved into the send window; None where there is room.

    Room that mails of a higher `priority` are waiting for is not there for this one.
    """
    if topic.caps == "exempt":
        return None
    workspace = publication.workspace
    zone = lead_zone(lead, workspace, company_of(session, lead))
    ahead = _ahead(session, message, lead, publication, now)
    frees: list[datetime] = []
    for name, cap in workspace.limits.frequency.items():
        if name in (ALL, message.topic):
            topics = [message.topic or ""] if name != ALL else _counted_topics(workspace)
            sent = _sent_since(session, message, lead, topics, _back(now, cap.per, zone))
            if (free := _free_at(sent, cap, zone)) is not None and free > now:
                frees.append(free)
            elif len(sent) + sum(other in topics for other in ahead) >= cap.count:
                return Hold(_in_window(session, now + _GIVE_WAY, lead, topic, workspace), "priority")
    if not frees:
        return None
    return Hold(_in_window(session, max(frees), lead, topic, workspace), "caps")


def _in_window(session: Session, at: datetime, lead: Lead, topic: Topic, workspace: Workspace) -> datetime:
    window = workspace.limits.send_window
    if window is None or topic.window == "always":
        return at
    zone = ZoneInfo(workspace.timezone)
    if window.timezone == "lead":
        zone = lead_zone(lead, workspace, company_of(session, lead))
    return next_open(workspace.calendars[window.calendar], at, zone)


def _free_at(sent: Sequence[datetime], cap: Frequency, zone: ZoneInfo) -> datetime | None:
    """Return when one more mail fits: when enough of those sent are a span old."""
    if len(sent) < cap.count:
        return None
    return add_span(sent[-cap.count], cap.per, zone, None)


def _sent_since(
    session: Session, message: Message, lead: Lead, topics: Sequence[str], since: datetime
) -> list[datetime]:
    rows = session.exec(
        select(Message).where(
            Message.lead_id == lead.id,
            Message.kind == "mail",
            Message.id != message.id,
            col(Message.status).in_(COUNTED),
            col(Message.topic).in_(topics),
            func.coalesce(col(Message.sent_at), col(Message.claimed_at)) > since,
        )
    ).all()
    return sorted(at for row in rows if (at := row.sent_at or row.claimed_at) is not None)


def _ahead(
    session: Session, message: Message, lead: Lead, publication: Publication, now: datetime
) -> list[str]:
    """Return the topics of the lead's mails that are about to go and have a higher priority."""
    rows = session.exec(
        select(Message).where(
            Message.lead_id == lead.id,
            Message.kind == "mail",
            Message.id != message.id,
            col(Message.status).in_((MessageStatus.NEW, MessageStatus.HELD)),
        )
    ).all()
    own = _priority(publication, message)
    return [
        row.topic or ""
        for row in rows
        if _priority(publication, row) > own and (row.hold_until or now) <= now + _GIVE_WAY
    ]


def _priority(publication: Publication, message: Message) -> int:
    plan = publication.plans.get(message.scenario)
    return plan.priority if plan is not None else 0


def _counted_topics(workspace: Workspace) -> list[str]:
    return [name for name, topic in workspace.topics.items() if topic.caps != "exempt"]


def _back(now: datetime, span: Span, zone: ZoneInfo) -> datetime:
    return add_span(now, Span(amount=-span.amount, unit=span.unit), zone, None)
