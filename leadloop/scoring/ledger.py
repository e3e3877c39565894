"""The score ledger: every point is an entry; a score is a function of the entries and an instant.

score(t) = min(cap, Σ pointsᵢ · 2^(−(t − tᵢ) / half-life)), over the entries since the last reset.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import bindparam
from sqlmodel import Session, col, select

from leadloop.journey.points import score_of, shown, span_delta, span_seconds
from leadloop.language.plan import ScoreModel
from leadloop.storage.columns import new_id
from leadloop.storage.tables import LeadScore, ScoreEntry

__all__ = ["RESET", "LeadLedger", "score_at", "score_of", "shown", "span_delta", "span_seconds"]

RESET = "reset"
"""Rule id of an entry after which the earlier ones no longer count."""

_ENTRIES = select(ScoreEntry).where(ScoreEntry.lead_id == bindparam("lead_id")).order_by(col(ScoreEntry.id))
_READINGS = select(LeadScore).where(LeadScore.lead_id == bindparam("lead_id"))


class LeadLedger:
    """One lead's ledger, read once and kept in step with what is added. The lead is locked."""

    def __init__(self, session: Session, lead_id: str) -> None:
        self.session = session
        self.lead_id = lead_id
        self._rows = list(session.exec(_ENTRIES, params={"lead_id": lead_id}).all())
        self._keys = {row.entry_key for row in self._rows}
        self._readings: dict[str, LeadScore] | None = None

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
        row = ScoreEntry(
            id=new_id(),
            entry_key=entry_key,
            lead_id=self.lead_id,
            model=model,
            rule_id=rule_id,
            points=points,
            event_id=event_id,
            message_id=message_id,
            ruleset_digest=ruleset_digest,
            reason=reason,
            at=at,
        )
        self.session.add(row)
        self._rows.append(row)
        self._keys.add(entry_key)
        return True

    def all_entries(self, model: str, rule_id: str) -> list[ScoreEntry]:
        """Return every entry of a rule, oldest first; also those before a reset."""
        return [row for row in self._rows if row.model == model and row.rule_id == rule_id]

    def entries(self, model: str) -> list[ScoreEntry]:
        """Return the entries that count: those written after the last reset, oldest first."""
        rows = [row for row in self._rows if row.model == model]
        for index in range(len(rows) - 1, -1, -1):
            if rows[index].rule_id == RESET:
                return rows[index + 1 :]
        return rows

    def reading(self, model: str) -> LeadScore | None:
        """Return the row that holds the lead's band in a model."""
        if self._readings is None:
            rows = self.session.exec(_READINGS, params={"lead_id": self.lead_id}).all()
            self._readings = {row.model: row for row in rows}
        return self._readings.get(model)

    def add_reading(self, row: LeadScore) -> None:
        """Add the first reading of a model."""
        self.session.add(row)
        if self._readings is not None:
            self._readings[row.model] = row

    def score(self, model: str, spec: ScoreModel, now: datetime) -> float:
        """Return the score at an instant."""
        return score_of(self.entries(model), spec, now)


def score_at(session: Session, lead_id: str, model: str, spec: ScoreModel, now: datetime) -> float:
    """Return a lead's score at an instant."""
    return LeadLedger(session, lead_id).score(model, spec, now)
