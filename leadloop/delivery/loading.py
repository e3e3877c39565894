"""What an attempt looks at before it begins: the message, its lead and its journey, by one statement."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import bindparam
from sqlmodel import Session, col, select

from leadloop.inbox.recovery.restored import RESTORED
from leadloop.storage.database import RowMissingError
from leadloop.storage.tables import Enrolment, Lead, Message, Setting

NOTICE = "notice"
_GATE = select(Setting.key).where(Setting.key == RESTORED).exists()
_ROWS = (
    select(Message, Lead, Enrolment, _GATE)
    .join(Lead, col(Lead.id) == col(Message.lead_id))
    .join(Enrolment, col(Enrolment.id) == col(Message.enrolment_id))
    .where(Message.id == bindparam("id"))
)


@dataclass(frozen=True)
class Loaded:
    """A message as it was a moment ago; nothing is locked. Which lead and journey it is of never changes."""

    message: Message
    lead: Lead
    enrolment: Enrolment
    is_restored: bool
    """Whether the gate was closed."""

    @property
    def recipient(self) -> str | None:
        """Whom it goes to: the lead's address, or the one that a notice names."""
        return self.message.to_address if self.message.kind == NOTICE else self.lead.email


def load(session: Session, message_id: str) -> Loaded:
    """Read a message with its lead, after merges, and its enrolment. Raises `RowMissingError`."""
    found = session.exec(_ROWS, params={"id": message_id}).one_or_none()
    if found is None:
        raise RowMissingError(f"no message {message_id}, or its lead or enrolment is missing")
    message, lead, enrolment, is_restored = found
    while lead.merged_into is not None:
        lead = session.get_one(Lead, lead.merged_into)
    return Loaded(message, lead, enrolment, is_restored)
