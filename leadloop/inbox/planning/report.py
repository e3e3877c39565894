"""The plan of a publication: everything that publishing would change, in one object."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session

from leadloop.inbox.planning.changes import Change, ScenarioChange, part_changes, scenario_changes
from leadloop.inbox.planning.conflicts import Conflict, entry_conflicts, open_conflicts
from leadloop.inbox.planning.forecast import HOW, Forecast, forecast
from leadloop.inbox.planning.people import Position, positions
from leadloop.language.plan import Publication
from leadloop.storage.environment import Environment
from leadloop.storage.publications import NotPublishedError, StoredPublication


@dataclass(frozen=True)
class PublishPlan:
    """What publishing would change now. Nothing of it has happened."""

    live: str | None
    """Id of the publication that is live; None before the first."""
    parts: Mapping[Change, list[str]]
    scenarios: list[ScenarioChange]
    positions: list[Position]
    mails: Forecast
    conflicts: list[Conflict]
    confirm_over: int | None

    @property
    def refused(self) -> list[Position]:
        """People on steps that would be gone, without a step to move to: publishing refuses."""
        return [one for one in self.positions if one.destiny.fate == "refused"]

    @property
    def is_empty(self) -> bool:
        """Whether what would go live is live already."""
        return self.live is not None and not any(self.parts.values())

    @property
    def needs_confirmation(self) -> bool:
        """Whether more mails than `limits.confirm_over` are to be expected in 24 hours."""
        return self.confirm_over is not None and not self.is_empty and self.mails.day > self.confirm_over

    def as_json(self) -> dict[str, Any]:
        """Return the plan as plain data."""
        return {
            "live": self.live,
            "changes": dict(self.parts),
            "scenarios": [asdict(one) for one in self.scenarios],
            "people": [
                asdict(one) | {"destiny": one.destiny.fate, "to": one.destiny.to} for one in self.positions
            ],
            "mails": {
                "next_24_hours": self.mails.day,
                "next_7_days": self.mails.week,
                "by_source": dict(self.mails.sources),
                "by_scenario": dict(self.mails.scenarios),
                "how": HOW,
                "remarks": self.mails.remarks,
                "confirm_over": self.confirm_over,
            },
            "conflicts": [asdict(one) for one in self.conflicts],
            "refused": bool(self.refused),
            "needs_confirmation": self.needs_confirmation,
        }


def make_plan(session: Session, env: Environment, new: Publication, now: datetime) -> PublishPlan:
    """Return what publishing `new` would change."""
    live = live_publication(session, env)
    old = live.publication if live is not None else None
    digests = new.digests()
    changes = scenario_changes(old, new)
    touched = {one.scenario for one in changes if one.change != "removed"}
    return PublishPlan(
        live=live.id if live is not None else None,
        parts=part_changes(live.parts if live is not None else {}, digests),
        scenarios=changes,
        positions=positions(session, changes, new.plans, digests),
        mails=forecast(session, env, old, new, now),
        conflicts=[
            *entry_conflicts(new.plans, touched),
            *open_conflicts(session, new.plans, touched),
        ],
        confirm_over=new.workspace.limits.confirm_over,
    )


def live_publication(session: Session, env: Environment) -> StoredPublication | None:
    """Return what is live, or None before the first publication."""
    try:
        return env.publications.current(session)
    except NotPublishedError:
        return None
