"""Publishing: store a publication, make it live, and tell the journeys in flight. One transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sqlmodel import Session

from leadloop.inbox.backfill import begin_backfill
from leadloop.inbox.monitoring.presence import unable_workers
from leadloop.inbox.planning.changes import Change, part_changes, scenario_changes
from leadloop.inbox.planning.people import positions
from leadloop.inbox.planning.report import live_publication
from leadloop.inbox.turns.editions import apply_edition
from leadloop.language.plan import Publication
from leadloop.storage.database import StorageError
from leadloop.storage.environment import Environment
from leadloop.storage.publications import StoredPublication, publish


class PublishRefusedError(StorageError):
    """Nothing was published: people are on steps that would be gone, or a worker cannot run a plan."""


@dataclass(frozen=True)
class Published:
    """What publishing did. Publishing what is live already does nothing."""

    id: str
    """Of the publication that is live now."""
    is_new: bool
    """False where it was live already."""
    changes: Mapping[Change, list[str]]
    """Parts that differ; none where only comments do."""
    journeys: Mapping[str, int] = field(default_factory=dict)
    """What `on_edit` does (`move`, `finish`, `exit`) -> to how many journeys."""


def publish_workspace(
    env: Environment,
    publication: Publication,
    by: str,
    now: datetime,
    approver: str | None = None,
    expected_mails: int | None = None,
) -> Published:
    """Make a publication live, all or nothing.

    `expected_mails` is the estimate for 24 hours that was confirmed, `approver` who else agreed to it.
    Raises `PublishRefusedError` where somebody is on a step that the new version lacks and
    `on_edit: {default: move}` does not map, and where a worker that runs knows no plans of this format.
    """
    with env.database.write() as session:
        old = live_publication(session, env)
        changes = part_changes(old.parts if old is not None else {}, publication.digests())
        _refuse_lost_steps(session, old, publication)
        _refuse_new_formats(session, env, publication)
        published = publish(
            session, publication, by, now, approved_by=approver, expected_mails=expected_mails
        )
        if old is not None and published == old.id:
            return Published(published, False, changes)
        live = env.publications.get(published, session)
        journeys = apply_edition(session, env, old, live, now)
        begin_backfill(session, env, old, live, now)
        return Published(published, True, changes, journeys)


def _refuse_new_formats(session: Session, env: Environment, new: Publication) -> None:
    unable = unable_workers(session, env, new.plans)
    if unable:
        newest = max(new.plans.values(), key=lambda plan: plan.format)
        workers = "; ".join(
            f"{row.id} of build {row.build} runs plans up to format {row.plan_format}" for row in unable
        )
        raise PublishRefusedError(
            f"nothing was published: {newest.scenario} has plan format {newest.format}, which not every "
            f"worker can run ({workers}). Replace these workers by a newer build first, then publish"
        )


def _refuse_lost_steps(session: Session, old: StoredPublication | None, new: Publication) -> None:
    changes = scenario_changes(old.publication if old is not None else None, new)
    lost = [
        one for one in positions(session, changes, new.plans, new.digests()) if one.destiny.fate == "refused"
    ]
    if lost:
        people = "; ".join(f"{one.scenario}: {one.people} on `{one.step}`" for one in lost)
        raise PublishRefusedError(
            f"nothing was published: people are on steps that the new version lacks ({people}). "
            "Name where they go: `on_edit: {default: move, steps: {OLD: NEW}}`, or use another `on_edit`"
        )
