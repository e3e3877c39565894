"""What becomes of leads that somebody asks to enter a scenario: the answer for each of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from leadloop.inbox.entries.rules import Refusal

REASONS = {
    "no_entry": "the scenario has no manual entry",
    "no_company": "the scenario runs for companies, and the lead has none",
    "no_record": "the scenario runs for a record, and none is named",
    "erased": "the lead was erased",
    "audience": "the lead is not in the audience",
    "goal_met": "the goal is met already",
    "exit_met": "a condition of exit_when is met already",
    "entered": "this request was carried out before",
    "open": "a journey is open",
    "never_again": "the scenario is entered once only",
    "max_entries": "the scenario was entered as often as `reentry` allows",
    "cooldown": "the last journey ended too short a time ago",
    "group": "another journey of the same group is open",
    "limit": "the entry's limit is reached",
    "condition_failed": "its audience, goal or an exit condition cannot be evaluated for the lead",
    "unknown": "there is no such lead",
    "conflict": "this key was used for another request",
    "failed": "the request could not be applied; the log says why",
}


@dataclass(frozen=True)
class EnrolResult:
    """What became of one lead that was named."""

    named: str
    """The id or mail address as it was given."""
    status: Literal["entered", "waiting", "passed_on", "refused", "repeated"]
    """`waiting`: for a place under the limit, or for a turn; `passed_on`: a colleague enters for the
    company; `repeated`: this key brought the same request before."""
    lead_id: str | None = None
    code: str | None = None
    """Why not: a key of `REASONS`."""
    other: str | None = None
    """Scenario of the journey that stands in the way."""
    until: datetime | None = None

    @property
    def reason(self) -> str | None:
        """The reason in words."""
        return REASONS.get(self.code) if self.code else None


def repeated_result(named: str, lead_id: str, same: bool) -> EnrolResult:
    """Return the answer to a request whose key came before, with the same body or with another one."""
    return EnrolResult(named, "repeated" if same else "refused", lead_id, None if same else "conflict")


def refused_result(named: str, lead_id: str, refusal: Refusal) -> EnrolResult:
    """Return the answer for a lead that does not enter."""
    other = refusal.other.scenario if refusal.other is not None else None
    return EnrolResult(named, "refused", lead_id, refusal.code, other, refusal.until)
