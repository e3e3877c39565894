"""The log of operations: who did what, when, to what, and why. Rows are only ever added."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, or_, select

from leadloop.storage.environment import Environment
from leadloop.storage.tables import Enrolment, Operation

BY_LIMIT = 100
REASON_LIMIT = 500


class OperationError(Exception):
    """A command that cannot be carried out. `code` is `not_found` or `invalid`."""

    def __init__(self, code: str, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.field = field


@dataclass(frozen=True)
class Caller:
    """Who asks, and why. Raises `OperationError` for texts that are too long."""

    by: str
    reason: str = ""
    dry_run: bool = False
    """Say what would happen; change nothing."""

    def __post_init__(self) -> None:
        _check("by", self.by, 1, BY_LIMIT)
        _check("reason", self.reason, 0, REASON_LIMIT)


def _check(field: str, text: str, least: int, most: int) -> None:
    if not least <= len(text) <= most or not text.isprintable():
        raise OperationError("invalid", f"{field} has {least} to {most} printable characters", field)


@contextmanager
def transaction(env: Environment, caller: Caller) -> Iterator[Session]:
    """Open the transaction of a command; undone at its end where it is a dry run."""
    with env.database.write(dry_run=caller.dry_run) as session:
        yield session


def write_operation(
    session: Session,
    env: Environment,
    caller: Caller,
    action: str,
    *,
    scenario: str | None = None,
    enrolment: Enrolment | None = None,
    **detail: Any,
) -> Operation:
    """Add one line to the log, in the transaction that does it."""
    row = Operation(
        at=env.clock.now(),
        by=caller.by,
        action=action,
        scenario=enrolment.scenario if enrolment is not None else scenario,
        enrolment_id=enrolment.id if enrolment is not None else None,
        reason=caller.reason,
        detail={name: value for name, value in detail.items() if value is not None},
    )
    session.add(row)
    session.flush()
    return row


def operations_about(session: Session, journeys: Iterable[Enrolment]) -> dict[str, list[Operation]]:
    """Return the log of these journeys by id, oldest first: their own, and those of their scenario
    while they were open."""
    rows = list(journeys)
    if not rows:
        return {}
    found = session.exec(
        select(Operation)
        .where(
            or_(
                col(Operation.enrolment_id).in_([row.id for row in rows]),
                col(Operation.enrolment_id).is_(None)
                & col(Operation.scenario).in_({row.scenario for row in rows}),
            )
        )
        .order_by(col(Operation.at), col(Operation.id))
    ).all()
    return {row.id: [one for one in found if _concerns(one, row)] for row in rows}


def _concerns(operation: Operation, journey: Enrolment) -> bool:
    if operation.enrolment_id is not None:
        return operation.enrolment_id == journey.id
    ended_at: datetime | None = journey.ended_at
    return (
        operation.scenario == journey.scenario
        and journey.entered_at <= operation.at
        and (ended_at is None or operation.at <= ended_at)
    )
