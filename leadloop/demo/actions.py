"""What people of the demo do, one kind of action per door they go through."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class SubmitForm:
    form: str
    fields: Mapping[str, str]


@dataclass(frozen=True)
class ViewPages:
    """Several pages of one visit."""

    email: str
    paths: tuple[str, ...]


@dataclass(frozen=True)
class OpenMail:
    """A mail program loads the pictures, the pixel among them."""

    images: tuple[str, ...]


@dataclass(frozen=True)
class FollowLink:
    url: str
    email: str


@dataclass(frozen=True)
class Unsubscribe:
    """One click in the mail program (RFC 8058)."""

    url: str


@dataclass(frozen=True)
class ReadNotice:
    """A sales person opens what a notice is about: an offer or a task."""

    kind: str
    """`offer` or `task`."""
    id: str
    to: str


@dataclass(frozen=True)
class AnswerOffer:
    offer_id: str
    answer: str
    """`accept`, `reject` or `working`."""
    lead_id: str
    email: str
    round: int
    reason: str = ""


@dataclass(frozen=True)
class FinishTask:
    task_id: str
    outcome: str
    lead_id: str
    email: str


@dataclass(frozen=True)
class OpenDeal:
    lead_id: str
    email: str
    deal_id: str
    offer_id: str | None
    amount: int
    round: int


@dataclass(frozen=True)
class WinDeal:
    deal_id: str
    email: str


@dataclass(frozen=True)
class LoseDeal:
    deal_id: str
    email: str
    reason: str
    revisit_on: str | None
    round: int


Action = (
    SubmitForm | ViewPages | OpenMail | FollowLink | Unsubscribe | ReadNotice | AnswerOffer | FinishTask
    | OpenDeal | WinDeal | LoseDeal
)  # fmt: skip


@dataclass(frozen=True)
class Planned:
    """Something a person will do at a scenario instant."""

    at: datetime
    action: Action
