"""Adding up old lines of the ledger, so that it does not grow without end and every score stays.

Each rule's old lines become one, which is worth what they were worth together: `equivalent` points at its
instant. Decay is exponential, so the sum decays as its parts do: for t after them all,
Σ pᵢ·2^(−(t − tᵢ)/h) = 2^(−(t − T)/h) · Σ pᵢ·2^(−(T − tᵢ)/h). Rule by rule, because attributes, reasons and
`at_most … per message` look at the lines of one rule.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from leadloop.journey.points import span_seconds
from leadloop.language.plan import ScoreModel, Scoring
from leadloop.scoring.ledger import RESET
from leadloop.scoring.rules import message_of
from leadloop.storage.tables import ScoreEntry

FOLDED = "folded"
"""Reason of a line that stands for several."""


@dataclass
class _Sum:
    """What lines of one rule (and message) are worth together, at the newest one's instant."""

    newest: ScoreEntry
    at: datetime
    half_life: int | None
    lines: int = 0
    points: int = 0
    equivalent: float = 0.0

    def add(self, row: ScoreEntry, counts: bool) -> None:
        self.lines += row.entries
        if counts:
            self.points += row.points
            age = (self.at - row.at).total_seconds()
            self.equivalent += row.worth * (2.0 ** (-age / self.half_life) if self.half_life else 1.0)


def fold_ledger(session: Session, lead_id: str, scoring: Scoring, before: datetime) -> int:
    """Add up a locked lead's lines from before an instant; return how many lines are gone.

    Only the oldest lines, up to the first young one: their order says which ones a reset has voided.
    Lines of a model that is not published stay, as nothing says how they decay.
    """
    rows = session.exec(
        select(ScoreEntry).where(ScoreEntry.lead_id == lead_id).order_by(col(ScoreEntry.id))
    ).all()
    gone = 0
    for name, model in scoring.models.items():
        old = _oldest([row for row in rows if row.model == name], before)
        gone += _fold(session, model, old)
    return gone


def _oldest(rows: Iterable[ScoreEntry], before: datetime) -> list[ScoreEntry]:
    old = []
    for row in rows:
        if row.at >= before:
            break
        old.append(row)
    return old


def _fold(session: Session, model: ScoreModel, old: Sequence[ScoreEntry]) -> int:
    by_message = {
        rule.id for rule in model.rules if rule.at_most is not None and rule.at_most.per == "message"
    }
    last_reset = max((index for index, row in enumerate(old) if row.rule_id == RESET), default=-1)
    groups: dict[tuple[str, str | None], list[tuple[ScoreEntry, bool]]] = {}
    for index, row in enumerate(old):
        message = message_of(session, row) if row.rule_id in by_message else None
        groups.setdefault((row.rule_id, message), []).append((row, index > last_reset))
    gone = 0
    for (rule_id, message), lines in groups.items():
        total = _add_up(model, lines)
        # What a reset voided is worth nothing; it counts only where a limit per message asks for it.
        kept = rule_id != RESET and (message is not None or total.points != 0 or total.equivalent != 0)
        if kept and len(lines) == 1 and lines[0][1]:
            continue
        for row, _ in lines:
            if not kept or row is not total.newest:
                session.delete(row)
                gone += 1
        if kept:
            _write(session, total, message)
    session.flush()
    return gone


def _add_up(model: ScoreModel, lines: Sequence[tuple[ScoreEntry, bool]]) -> _Sum:
    half_life = span_seconds(model.half_life) if model.half_life is not None else None
    total = _Sum(lines[-1][0], max(row.at for row, _ in lines), half_life)
    for row, counts in lines:
        total.add(row, counts)
    return total


def _write(session: Session, total: _Sum, message: str | None) -> None:
    row = total.newest
    row.event_id, row.message_id = None, message  # its event may go, and was one of several
    row.points, row.equivalent, row.entries = total.points, total.equivalent, total.lines
    row.at, row.reason = total.at, FOLDED
    session.add(row)
