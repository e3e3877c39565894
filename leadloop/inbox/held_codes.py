"""Why journeys are held, in a word: for metrics and alerts, which must not carry free text."""

from __future__ import annotations

_CODES = (
    ("condition of ", "condition_failed"),
    ("that date is not known", "unknown_date"),
    ("the new version has no step", "lost_step"),
    ("steps in one turn", "loop"),
    ("no stream ", "no_stream"),
    ("the mail of ", "mail_failed"),
    ("the call of ", "call_failed"),
    (" failed for an hour", "turn_failed"),
    ("restored from a backup", "restored"),
)


def held_code(reason: str | None) -> str:
    """Return the code of a journey's `held_reason`; `other` for what has none."""
    return next((code for part, code in _CODES if part in (reason or "")), "other")
