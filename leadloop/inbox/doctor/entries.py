"""Checks of what time alone causes: entries by time and in line, the backfill, pauses of topics."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import func
from sqlmodel import col, select

from leadloop.inbox.backfill import backfill_progress
from leadloop.inbox.doctor.view import HANDED_OVER, Found, View
from leadloop.inbox.newly_published import read_notes
from leadloop.inbox.relaying.due_rows import WAITING
from leadloop.storage.tables import (
    Due,
    Event,
    Message,
    TopicSuppression,
)

_LATE = timedelta(hours=1)
"""So late, in real time, a row of `due` is carried out at the most; a broken one is put off meanwhile."""


def due_carried_out(view: View) -> Found:
    """Everything that time alone causes was done when its time came."""
    rows = view.session.exec(select(Due.kind, Due.due_at, Due.lead_id, Due.detail)).all()
    problems = []
    for kind, due_at, lead_id, detail in rows:
        if not _is_late(view, due_at):
            continue
        scenario = detail.get("scenario")
        what = "waiting entry" if kind == WAITING else kind
        of = f" of {scenario}" if scenario else ""
        problems.append(f"lead {lead_id}: {what}{of} was due {due_at.isoformat()}")
    return len(rows), problems


def _is_late(view: View, at: datetime) -> bool:
    return view.env.clock.real_seconds(view.now - at) > _LATE.total_seconds()


def backfill_goes_on(view: View) -> Found:
    """The known leads were brought in line with what was published last."""
    notes, progress = read_notes(view.session), backfill_progress(view.session)
    if notes is None or progress is None:
        return 0, []
    since = datetime.fromisoformat(notes.since)
    looked_at = progress.visited + progress.remaining + 1
    if progress.finished or not progress.remaining or not _is_late(view, since):
        return looked_at, []
    return looked_at, [
        f"publication {progress.publication}: {progress.remaining} leads are not looked at since "
        f"{since.isoformat()}"
    ]


def pauses_hold(view: View) -> Found:
    """No mail of a topic is handed over while we have stopped the topic for the lead."""
    rows = view.session.exec(select(TopicSuppression)).all()
    problems = [
        f"topic {row.topic} of lead {row.lead_id}: lifted without its event"
        for row in rows
        if row.lifted_at is not None and _event(view, row.lifted_by) is None
    ]
    for row in rows:
        claimed = func.coalesce(col(Message.claimed_at), col(Message.sent_at))
        statement = select(Message.id).where(
            Message.lead_id == row.lead_id,
            Message.kind == "mail",
            col(Message.status).in_(HANDED_OVER),
            claimed > row.at,
        )
        if row.topic != "*":
            statement = statement.where(Message.topic == row.topic)
        if row.lifted_at is not None:
            statement = statement.where(claimed < row.lifted_at)
        problems += [
            f"message {message_id}: handed over, though topic {row.topic} was stopped {row.at.isoformat()}"
            for message_id in view.session.exec(statement).all()
        ]
    return len(rows), problems


def _event(view: View, event_id: str | None) -> Event | None:
    return view.session.get(Event, event_id) if event_id else None


CHECKS = (due_carried_out, backfill_goes_on, pauses_hold)
