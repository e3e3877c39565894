"""Why a lead is hot: the top lines of the score ledger, for the person who calls."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlmodel import Session

from leadloop.language.plan import ScoreModel
from leadloop.scoring.ledger import LeadLedger, Line, score_of, shown


def top_reasons(
    session: Session, lead_id: str, now: datetime, models: Mapping[str, ScoreModel], limit: int = 5
) -> list[dict[str, Any]]:
    """Return what the lead's score is made of now, the largest first.

    Each is `{model, rule, points, times, last_at}`: points after decay, `last_at` as ISO 8601 text.
    Only positive lines since the model's last reset; no personal values.
    """
    ledger = LeadLedger(session, lead_id)
    found: list[dict[str, Any]] = []
    for model, spec in models.items():
        by_rule: dict[str, list[Line]] = {}
        for entry in ledger.entries(model):
            if entry.points > 0 and entry.at <= now:
                by_rule.setdefault(entry.rule_id, []).append(entry)
        uncapped = spec.model_copy(update={"cap": None})
        for rule, lines in by_rule.items():
            points = shown(score_of(lines, uncapped, now))
            last_at = max(line.at for line in lines)
            found.append(
                {
                    "model": model,
                    "rule": rule,
                    "points": points,
                    "times": sum(line.entries for line in lines),
                    "last_at": last_at.isoformat(),
                }
            )
    counted = [one for one in found if one["points"] > 0]
    counted.sort(key=lambda one: (-one["points"], one["model"], one["rule"]))
    return counted[:limit]
