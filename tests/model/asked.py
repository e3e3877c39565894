"""The mails, notices and calls that the model's journeys ask for."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from tests.model.journey import Journey, Message


class Asked:
    """Everything that was asked for, by key."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.messages: dict[str, Message] = {}
        self.calls: dict[str, str] = {}
        """Call key -> `new`, `done` or `skipped`."""

    def had(self) -> set[str]:
        """The contents that the lead had, or is about to have."""
        gone = ("skipped", "failed")
        mails = [one for one in self.messages.values() if one.kind == "mail" and one.status not in gone]
        return {one.template for one in mails}

    def ask(self, journey: Journey, key: str, template: str, topic: str) -> None:
        """Put a mail in the outbox, or let a held one be handed over again."""
        message = self.messages.get(key)
        if message is None:
            self._put(journey, key, "mail", template, topic)
        elif message.status == "held":
            message.status, message.hold_until = "new", None

    def drop(self, key: str, reason: str) -> None:
        message = self.messages.get(key)
        if message is not None and message.status == "held":
            message.status, message.reason, message.hold_until = "skipped", reason, None

    def tell(self, journey: Journey, key: str, template: str, step: str | None = None) -> str:
        """Put a notice to somebody of the house in the outbox."""
        if key not in self.messages:
            self._put(journey, key, "notice", template, None, step)
        return key

    def _put(
        self, journey: Journey, key: str, kind: Any, template: str, topic: str | None, step: str | None = None
    ) -> None:
        at = journey.at
        self.messages[key] = Message(key, journey, kind, step or at.step, at.visit, template, topic)

    def release(self, journey: Journey) -> None:
        """Let the mails that were held because the journey was paused be asked for now."""
        for message in self.messages_of(journey):
            if (message.status, message.reason) == ("held", "paused"):
                message.hold_until = self.now

    def messages_of(self, journey: Journey) -> list[Message]:
        return [one for one in self.messages.values() if one.journey is journey]
