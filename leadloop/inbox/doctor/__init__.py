"""The checker: invariants of a workspace's database, looked at without changing anything.

Each check reads one state of the database. A problem names ids and codes, never personal data.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sqlmodel import Session

from leadloop.inbox.doctor import (
    entries,
    erasure,
    events,
    journeys,
    operations,
    outbox,
    permission,
    restored,
    scores,
)
from leadloop.inbox.doctor.view import Found, View
from leadloop.storage.environment import Environment

_PARTS = (outbox, scores, journeys, permission, erasure, events, entries, operations, restored)
_CHECKS = tuple(check for part in _PARTS for check in part.CHECKS)


@dataclass(frozen=True)
class CheckResult:
    """One invariant: how many rows it looked at, and what breaks it."""

    name: str
    ok: bool
    count: int
    problems: list[str]
    title: str = ""
    """The invariant in words."""


@dataclass(frozen=True)
class Report:
    """All invariants of one state of the database."""

    checks: list[CheckResult]

    @property
    def ok(self) -> bool:
        """True where no invariant is broken."""
        return all(check.ok for check in self.checks)

    @property
    def problems(self) -> list[str]:
        """Every problem, with the name of its check."""
        return [f"{check.name}: {text}" for check in self.checks for text in check.problems]

    def as_json(self) -> dict[str, Any]:
        """Return the report as `leadloop doctor --json` prints it."""
        return {"ok": self.ok, "checks": [asdict(check) for check in self.checks]}


def examine(env: Environment, mailbox: Path | None = None) -> Report:
    """Check every invariant; with the folder of the local mailbox, what was delivered there too.

    Raises `NotPublishedError` where nothing is published yet.
    """
    delivered = outbox.delivered_to(mailbox)  # first: what is there now was claimed before
    with env.database.read() as session:
        _fix_snapshot(env, session)
        view = View(env, session, delivered)
        return Report([_result(check.__doc__ or "", check.__name__, check(view)) for check in _CHECKS])


def _fix_snapshot(env: Environment, session: Session) -> None:
    """Let all checks see one state: SQLite does so by itself, PostgreSQL on request."""
    if not env.database.is_sqlite:
        session.connection(execution_options={"isolation_level": "REPEATABLE READ"})


def _result(words: str, name: str, found: Found) -> CheckResult:
    count, problems = found
    title = words.strip().splitlines()[0].rstrip(".")
    return CheckResult(name, not problems, count, _in_order(problems), title)


def _in_order(problems: Sequence[str]) -> list[str]:
    return sorted(problems)
