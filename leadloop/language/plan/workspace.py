"""The compiled workspace: the vocabulary that scenarios share."""

from __future__ import annotations

from typing import Literal

from leadloop.language.plan.base import FieldSpec, Frequency, PlanModel


class Sender(PlanModel):
    name: str
    address: str
    reply_to: str | None = None
    postal_address: str = ""
    complaint_contact: str = ""


class Form(PlanModel):
    title: str = ""
    inquiry: bool = False


class Topic(PlanModel):
    title: str = ""
    basis: tuple[Literal["opt_in", "card", "customer", "published", "request"], ...]
    window: str | None = None
    """`always` sends at any hour; None uses the workspace's send window."""
    caps: Literal["count", "exempt"] = "count"


class Calendar(PlanModel):
    """Business hours. `closed` holds (MM-DD, MM-DD) ranges, both ends closed."""

    holidays: str | None = None
    closed: tuple[tuple[str, str], ...] = ()
    open: dict[int, tuple[tuple[str, str], ...]]
    """Weekday (0 is Monday) -> open ranges `HH:MM`-`HH:MM`."""


class SendWindow(PlanModel):
    calendar: str
    timezone: Literal["lead", "workspace"] = "lead"


class Limits(PlanModel):
    frequency: dict[str, Frequency] = {}
    """Topic or `all` -> cap."""
    send_window: SendWindow | None = None
    confirm_over: int | None = None
    """Mails in 24 hours above which `publish` asks."""


class Queue(PlanModel):
    members: dict[str, int | None]
    """Mail address -> capacity (open offers); None has no limit."""
    assign: tuple[Literal["company_owner", "last_owner", "round_robin"], ...] = ("round_robin",)
    calendar: str | None = None


class RecordKind(PlanModel):
    """Things that are not people: seminars, contracts, estimates."""

    of: Literal["lead", "company"] | None = None
    """Whom it belongs to; None belongs to nobody, as a seminar."""
    contact: Literal["lead"] | None = None
    """A company's record may name the lead who is its contact."""
    fields: dict[str, FieldSpec] = {}


class Webhook(PlanModel):
    """An outside address that steps may call. Where it leads is a setting of each installation."""

    title: str = ""


class Workspace(PlanModel):
    name: str
    timezone: str = "UTC"
    locale: str = "en"
    sender: Sender
    lead_fields: dict[str, FieldSpec] = {}
    forms: dict[str, Form] = {}
    tags: tuple[str, ...] = ()
    events: dict[str, dict[str, FieldSpec]] = {}
    """Declared and built-in events -> their properties."""
    topics: dict[str, Topic] = {}
    calendars: dict[str, Calendar] = {}
    limits: Limits = Limits()
    queues: dict[str, Queue] = {}
    lost_reasons: dict[str, str] = {}
    records: dict[str, RecordKind] = {}
    webhooks: dict[str, Webhook] = {}
