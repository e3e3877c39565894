"""The score ledger: every point is an entry; a score is a function of the entries and an instant.

score(t) = min(cap, Σ pointsᵢ · 2^(−(t − tᵢ) / half-life)), over the entries since the last reset.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import bindparam
from sqlmodel import Session, col, select

from leadloop.inbox.relaying.due_rows import LeadDues
from leadloop.journey.points import score_of, shown, span_delta, span_seconds
from leadloop.language.plan import ScoreModel
from leadloop.storage.columns import new_id
from leadloop.storage.inserting import insert_rows
from leadloop.storage.tables import LeadScore, ScoreEntry

__all__ = ["RESET", "LeadLedger", "Line", "score_at", "score_of", "shown", "span_delta", "span_seconds"]

RESET = "reset"
"""Rule id of an entry after which the earlier ones no longer count."""

_GATHERED = "leadloop_lines"

_LINES = (
    select(
        ScoreEntry.lead_id,
        ScoreEntry.entry_key,
        ScoreEntry.model,
        ScoreEntry.rule_id,
        ScoreEntry.points,
        ScoreEntry.at,
        ScoreEntry.event_id,
        ScoreEntry.message_id,
        ScoreEntry.entries,
        ScoreEntry.equivalent,
    )  # type: ignore[call-overload]  # SQLModel types up to four columns
    .where(col(ScoreEntry.lead_id).in_(bindparam("ids", expanding=True)))
    .order_by(col(ScoreEntry.id))
)
_READINGS = select(LeadScore).where(col(LeadScore.lead_id).in_(bindparam("ids", expanding=True)))


class Line(NamedTuple):
    """One entry as scores are worked out from it; see `ScoreEntry`."""

    entry_key: str
    model: str
    rule_id: str
    points: int
    at: datetime
    event_id: str | None
    message_id: str | None
    entries: int = 1
    equivalent: float | None = None

    @property
    def worth(self) -> float:
        """What it adds to the score at its instant, before decay."""
        return self.points if self.equivalent is None else self.equivalent


class LeadLedger:
    """One lead's ledger, read once and kept in step with what is added. The lead is locked.

    `lines` and `readings` are what the lead has, where that was read ahead.
    """

    def __init__(
        self,
        session: Session,
        lead_id: str,
        *,
        lines: Iterable[Line] | None = None,
        readings: Iterable[LeadScore] | None = None,
        dues: LeadDues | None = None,
    ) -> None:
        self.session = session
        self.lead_id = lead_id
        self.dues = dues or LeadDues(session, lead_id)
        if lines is None:
            lines = read_lines(session, [lead_id]).get(lead_id, ())
        self._lines: dict[str, list[Line]] = {}
        self._keys: set[str] = set()
        for line in lines:
            self._keep(line)
        self._readings = {row.model: row for row in readings} if readings is not None else None
        self._scores: dict[str, tuple[datetime, ScoreModel, float]] = {}

    def add(
        self,
        *,
        entry_key: str,
        model: str,
        rule_id: str,
        points: int,
        ruleset_digest: str,
        at: datetime,
        event_id: str | None = None,
        message_id: str | None = None,
        reason: str = "",
    ) -> bool:
        """Write one line, once per `entry_key`; return False where it was there already."""
        if entry_key in self._keys:
            return False
        row: dict[str, Any] = {
            "id": new_id(),
            "entry_key": entry_key,
            "lead_id": self.lead_id,
            "model": model,
            "rule_id": rule_id,
            "points": points,
            "event_id": event_id,
            "message_id": message_id,
            "ruleset_digest": ruleset_digest,
            "reason": reason,
            "at": at,
            "entries": 1,
            "equivalent": None,
        }
        gathered: list[dict[str, Any]] | None = self.session.info.get(_GATHERED)
        if gathered is None:
            self.session.add(ScoreEntry(**row))
        else:
            gathered.append(row)
        self._keep(Line(entry_key, model, rule_id, points, at, event_id, message_id))
        self._scores.pop(model, None)
        return True

    def all_entries(self, model: str, rule_id: str) -> list[Line]:
        """Return every entry of a rule, oldest first; also those before a reset."""
        return [line for line in self._lines.get(model, ()) if line.rule_id == rule_id]

    def entries(self, model: str) -> Sequence[Line]:
        """Return the entries that count: those written after the last reset, oldest first."""
        lines = self._lines.get(model, [])
        for index in range(len(lines) - 1, -1, -1):
            if lines[index].rule_id == RESET:
                return lines[index + 1 :]
        return lines

    def reading(self, model: str) -> LeadScore | None:
        """Return the row that holds the lead's band in a model."""
        if self._readings is None:
            rows = read_readings(self.session, [self.lead_id]).get(self.lead_id, ())
            self._readings = {row.model: row for row in rows}
        return self._readings.get(model)

    def add_reading(self, row: LeadScore) -> None:
        """Add the first reading of a model."""
        self.session.add(row)
        if self._readings is not None:
            self._readings[row.model] = row

    def score(self, model: str, spec: ScoreModel, now: datetime) -> float:
        """Return the score at an instant."""
        known = self._scores.get(model)
        if known is not None and known[0] == now and known[1] is spec:
            return known[2]
        score = score_of(self.entries(model), spec, now)
        self._scores[model] = (now, spec, score)
        return score

    def _keep(self, line: Line) -> None:
        self._lines.setdefault(line.model, []).append(line)
        self._keys.add(line.entry_key)


@contextmanager
def gather_lines(session: Session) -> Iterator[None]:
    """Write the lines that are added in the block at its end, without an object for each.

    Until then no statement finds them: the ledgers that they were added to know them.
    """
    gathered = session.info[_GATHERED] = list[dict[str, Any]]()
    try:
        yield
    finally:
        del session.info[_GATHERED]
    insert_rows(session, ScoreEntry, gathered)


def read_lines(session: Session, lead_ids: Sequence[str]) -> Mapping[str, list[Line]]:
    """Return the entries of each of several leads, oldest first."""
    found: dict[str, list[Line]] = {}
    for lead_id, *values in session.execute(_LINES, {"ids": list(lead_ids)}):
        found.setdefault(lead_id, []).append(Line._make(values))
    return found


def read_readings(session: Session, lead_ids: Sequence[str]) -> Mapping[str, list[LeadScore]]:
    """Return the readings of each of several leads."""
    found: dict[str, list[LeadScore]] = {}
    for row in session.exec(_READINGS, params={"ids": list(lead_ids)}).all():
        found.setdefault(row.lead_id, []).append(row)
    return found


def score_at(session: Session, lead_id: str, model: str, spec: ScoreModel, now: datetime) -> float:
    """Return a lead's score at an instant."""
    return LeadLedger(session, lead_id).score(model, spec, now)
