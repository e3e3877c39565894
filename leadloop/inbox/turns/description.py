"""What Temporal's own pages show of a journey: ids and the author's names, no personal data."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlmodel import Session, col, select

from leadloop.contracts import LEAD_ID, SCENARIO, SCENARIO_VERSION, Next
from leadloop.inbox.turns.causes import due_of
from leadloop.storage.tables import ArmedWait, Enrolment, EnrolmentStatus
from leadloop.storage.versions import SHORT

_MOST_NAMES = 5
"""Of events that are listed: the pages cut long lines."""


def search_attributes(enrolment: Enrolment) -> dict[str, str]:
    """Return the journey's search attributes as they are now."""
    return {
        SCENARIO: enrolment.scenario,
        SCENARIO_VERSION: enrolment.plan_digest[:SHORT],
        LEAD_ID: enrolment.lead_id,
    }


def static_details(enrolment: Enrolment) -> str:
    """Return what does not change about a journey, as Markdown."""
    return (
        f"Journey `{enrolment.id}` of lead `{enrolment.lead_id}` in the scenario `{enrolment.scenario}`, "
        f"entered {_shown(enrolment.entered_at)}.\n\n"
        f"`leadloop why {enrolment.lead_id}` tells its story."
    )


def describe(
    session: Session, enrolment: Enrolment, following: Next, armed: Sequence[str | None] | None = None
) -> tuple[str, str]:
    """Return the summary (a line) and the details (Markdown) of a journey after a turn.

    `armed` are the event types of its waits, None for a condition; they are read where it is None.
    """
    step = str(enrolment.state.get("step", ""))
    doing = _doing(session, enrolment, following, armed)
    details = (
        f"`{enrolment.scenario}` version `{enrolment.plan_digest[:SHORT]}`, "
        f"step `{step}`, turn {enrolment.turn_no}: {doing}."
    )
    return f"{step}: {doing}", details


def _doing(
    session: Session, enrolment: Enrolment, following: Next, armed: Sequence[str | None] | None
) -> str:
    if enrolment.status == EnrolmentStatus.HELD:
        return "held until somebody mends what holds it; `leadloop why` tells the reason"
    if enrolment.status == EnrolmentStatus.PAUSED:
        return "paused"
    if following.kind != "wait":
        return following.kind
    if armed is None:
        armed = session.exec(
            select(ArmedWait.event_type)
            .where(ArmedWait.enrolment_id == enrolment.id)
            .order_by(col(ArmedWait.branch))
            .limit(_MOST_NAMES)
        ).all()
    wanted = " or ".join(dict.fromkeys(name or "a condition" for name in armed[:_MOST_NAMES]))
    due_at = due_of(enrolment, following)
    parts = [f"waits for {wanted}" if wanted else "waits", f"until {_shown(due_at)}" if due_at else ""]
    return " ".join(filter(None, parts))


def _shown(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
