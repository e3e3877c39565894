"""What every check reads from: one state of the database, and what was live when."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import String
from sqlalchemy import cast as sql_cast
from sqlalchemy.orm import QueryableAttribute, load_only
from sqlmodel import Session, col, select

from leadloop.language.plan import Publication
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Enrolment, Event, Message, MessageStatus, PublicationRow

Found = tuple[int, list[str]]
"""How many rows a check looked at, and its problems."""

HANDED_OVER = (MessageStatus.SENT, MessageStatus.SENDING, MessageStatus.UNCERTAIN)
"""Statuses of a message that is, or counts as, handed to the mail server."""

status_word: Any = sql_cast(col(Enrolment.status), String).label("journey_status")
"""An enrolment's status as the bare word, so that a broken one cannot stop the checker."""

bare_message = load_only(
    *(
        cast("QueryableAttribute[Any]", one)
        for one in (
            Message.id, Message.enrolment_id, Message.step_id, Message.lead_id, Message.topic, Message.status,
            Message.hold_until, Message.claimed_at, Message.sent_at, Message.created_at, Message.rendered_to,
        )
    )
)  # fmt: skip
"""Option of a statement: messages without their bodies."""

LEASE = timedelta(minutes=15)
"""Real time after which a claim without an owner should have been given up."""


@dataclass
class View:
    """One state of the database, read by all checks."""

    env: Environment
    session: Session
    delivered: Counter[str] | None = None
    """Message ids in the local mailbox, with how often; None where there is no mailbox."""
    _timeline: list[tuple[datetime, str]] | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.publication: Publication = self.env.publications.current(self.session).publication
        self.now = self.env.clock.now()

    def is_past_lease(self, at: datetime) -> bool:
        """Return whether more than a lease of real time went by since a scenario instant."""
        return self.env.clock.real_seconds(self.now - at) > LEASE.total_seconds()

    def live_at(self, at: datetime) -> Publication:
        """Return the publication that was live at an instant; the first one before that."""
        if self._timeline is None:
            rows = self.session.exec(
                select(PublicationRow.published_at, PublicationRow.id).order_by(
                    col(PublicationRow.published_at), col(PublicationRow.id)
                )
            ).all()
            self._timeline = [(published_at, row_id) for published_at, row_id in rows]
        index = bisect_right([published_at for published_at, _ in self._timeline], at)
        row_id = self._timeline[max(index - 1, 0)][1]
        return self.env.publications.get(row_id, self.session).publication

    def known_since(self, event_id: str | None, at: datetime) -> datetime:
        """Return when leadloop learnt a fact that dates from `at`: with its event, else at once."""
        event = self.session.get(Event, event_id) if event_id else None
        return max(event.received_at, at) if event is not None else at
