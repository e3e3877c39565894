"""What an event says about the mail it reacts to."""

from __future__ import annotations

from sqlmodel import Session

from leadloop.storage.tables import Event, Message, MessageStatus


def note_on_message(session: Session, event: Event) -> None:
    """Note an open or a click on its message; it also proves that an uncertain one arrived."""
    if event.message_id is None or event.type not in ("email_opened", "email_clicked"):
        return
    message = session.get(Message, event.message_id)
    if message is None:
        return
    if event.type == "email_opened":
        message.opened_at = message.opened_at or event.occurred_at
    else:
        message.clicked_at = message.clicked_at or event.occurred_at
    if message.status == MessageStatus.UNCERTAIN:
        message.status = MessageStatus.SENT
        message.sent_at = message.sent_at or message.claimed_at
        message.reason = "proved by " + event.type
    session.add(message)
