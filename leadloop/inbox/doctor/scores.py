"""Checks of the scores: a score is a function of its ledger."""

from __future__ import annotations

from collections import Counter, defaultdict

from sqlmodel import col, select

from leadloop.inbox.doctor.view import Found, View
from leadloop.scoring.bands import band_of
from leadloop.scoring.ledger import RESET, score_of, shown
from leadloop.storage.tables import LeadScore, ScoreEntry

_Key = tuple[str, str]


def scores_follow_ledger(view: View) -> Found:
    """Every score and band is what its ledger gives."""
    ledgers: dict[_Key, list[ScoreEntry]] = defaultdict(list)
    for entry in view.session.exec(select(ScoreEntry).order_by(col(ScoreEntry.id))).all():
        if entry.rule_id == RESET:
            ledgers[entry.lead_id, entry.model] = []
        else:
            ledgers[entry.lead_id, entry.model].append(entry)
    rows = view.session.exec(select(LeadScore)).all()
    problems = [text for row in rows for text in _differences(view, row, ledgers[row.lead_id, row.model])]
    read = {(row.lead_id, row.model) for row in rows}
    problems += [
        f"lead {lead}, model {model}: has entries, but was never read"
        for (lead, model), entries in ledgers.items()
        if entries and (lead, model) not in read
    ]
    return len(rows), problems


def _differences(view: View, row: LeadScore, entries: list[ScoreEntry]) -> list[str]:
    scoring = view.live_at(row.read_at).scoring
    spec = scoring.models.get(row.model)
    if spec is None:
        return []
    score = score_of(entries, spec, row.read_at)
    where = f"lead {row.lead_id}, model {row.model}"
    problems = []
    if shown(score) != row.points:
        problems.append(f"{where}: {row.points} points, the ledger gives {shown(score)}")
    bands = scoring.bands.get(row.model)
    if bands is not None and band_of(bands, score, row.band) != row.band:
        problems.append(f"{where}: band {row.band}, the ledger gives {band_of(bands, score, row.band)}")
    return problems


def points_given_once(view: View) -> Found:
    """A rule gives points for an event at most once."""
    rows = view.session.exec(select(ScoreEntry).where(col(ScoreEntry.event_id).is_not(None))).all()
    given = Counter((row.lead_id, row.model, row.rule_id, row.event_id) for row in rows)
    problems = [
        f"lead {lead}, model {model}, rule {rule}, event {event}: {number} entries"
        for (lead, model, rule, event), number in given.items()
        if number > 1
    ]
    return len(given), problems


CHECKS = (scores_follow_ledger, points_given_once)
