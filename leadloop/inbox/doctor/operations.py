"""Checks of what people did: pauses are kept, clocks stand still for a reason, stops were obeyed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import col, select

from leadloop.inbox.clocks import RUN, waits_for_time
from leadloop.inbox.doctor.view import HANDED_OVER, Found, View, status_word
from leadloop.inbox.operations.pausing import CAUSES
from leadloop.inbox.sales_lock import SALES
from leadloop.storage.tables import Enrolment, EnrolmentStatus, Lead, Message, Operation

_GRACE_SECONDS = 1.0
"""Real time within which a claim may still have seen the switch as it was."""


def clocks_run(view: View) -> Found:
    """A journey's clock stands still only while something stops it, and then it does."""
    rows = view.session.exec(
        select(Enrolment, Lead.in_sales)
        .join(Lead, col(Lead.id) == col(Enrolment.lead_id))
        .where(status_word.in_((EnrolmentStatus.RUNNING.value, EnrolmentStatus.PAUSED.value)))
    ).all()
    problems = [
        f"enrolment {row.id}: {problem}" for row, in_sales in rows if (problem := _clock(view, row, in_sales))
    ]
    return len(rows), problems


def _clock(view: View, row: Enrolment, in_sales: bool) -> str | None:
    stopped = any(clock != RUN for clock in row.stops.values())
    if SALES in row.stops and not in_sales:
        return "its clock stands still, but nobody in sales works on its lead"
    if row.locked_at is not None:
        if not stopped:
            return "its clock stands still, but nothing stops it"
        return "its clock stands still, but it has a due time" if row.due_at is not None else None
    if not stopped or row.held_reason or row.due_at is None or row.due_at <= view.now:
        return None
    plan = view.env.publications.plan(row.plan_digest, view.session)
    return "something stops its clock, but it runs" if waits_for_time(row, plan) else None


def pauses_are_kept(view: View) -> Found:
    """A journey is paused exactly while itself or its scenario is."""
    rows = view.session.exec(
        select(Enrolment.id, Enrolment.stops, status_word).where(status_word != EnrolmentStatus.ENDED.value)
    ).all()
    problems = []
    for enrolment_id, stops, status in rows:
        causes = [cause for cause in CAUSES if cause in stops]
        if (status == EnrolmentStatus.PAUSED.value) != bool(causes):
            problems.append(f"enrolment {enrolment_id}: {status}, paused by {', '.join(causes) or 'nobody'}")
    return len(rows), problems


def stops_were_obeyed(view: View) -> Found:
    """No mail was claimed while sending was stopped or its scenario was paused."""
    log = view.session.exec(
        select(Operation)
        .where(col(Operation.enrolment_id).is_(None))
        .order_by(col(Operation.at), col(Operation.id))
    ).all()
    problems = []
    for scenario, since, until in _stopped(log):
        statement = select(Message.id, Message.claimed_at).where(
            Message.kind == "mail",
            col(Message.status).in_(HANDED_OVER),
            col(Message.claimed_at) > since,
        )
        if until is not None:
            statement = statement.where(col(Message.claimed_at) < until)
        if scenario is not None:
            statement = statement.where(Message.scenario == scenario)
        what = "sending" if scenario is None else scenario
        problems += [
            f"message {message_id}: claimed {claimed_at.isoformat()}, though {what} was stopped since "
            f"{since.isoformat()}"
            for message_id, claimed_at in view.session.exec(statement).all()
            if claimed_at is not None and view.env.clock.real_seconds(claimed_at - since) > _GRACE_SECONDS
        ]
    return len(log), problems


def _stopped(log: Sequence[Operation]) -> list[tuple[str | None, datetime, datetime | None]]:
    """Return when sending (None) and scenarios were stopped: from, until."""
    begun: dict[str | None, datetime] = {}
    found: list[tuple[str | None, datetime, datetime | None]] = []
    for row in log:
        if row.action in ("stop_sending", "pause"):
            begun[row.scenario] = row.at
        elif row.action in ("start_sending", "resume") and row.scenario in begun:
            found.append((row.scenario, begun.pop(row.scenario), row.at))
    return found + [(scenario, since, None) for scenario, since in begun.items()]


CHECKS = (clocks_run, pauses_are_kept, stops_were_obeyed)
