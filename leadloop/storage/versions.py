"""The versions that went live: which there are, and which one a person means by a few letters."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func
from sqlmodel import Session, col, select

from leadloop.storage.database import StorageError
from leadloop.storage.tables import Enrolment, EnrolmentStatus, PublicationRow

SHORT = 12
"""So many letters of a digest are shown; fewer may be typed."""
_LEAST = 4
_PLAN = "plan:"


class VersionError(StorageError):
    """No version, or more than one, goes by this name."""


@dataclass(frozen=True)
class Version:
    """One text of a scenario that was published, under the digest of its plan."""

    scenario: str
    digest: str
    publication_id: str
    """The first publication it was in."""
    publication_digest: str
    published_at: datetime
    published_by: str
    approved_by: str | None
    live: bool
    open_journeys: int


@dataclass(frozen=True)
class Named:
    """What a reference means: a publication, or one scenario of it."""

    publication_id: str
    scenario: str | None = None
    """Set where the reference is the digest of a scenario's plan."""


def versions(session: Session, scenario: str | None = None) -> list[Version]:
    """Return all published versions, or those of one scenario: by scenario, the newest first."""
    rows = _publications(session)
    live = rows[0].parts if rows else {}
    first: dict[tuple[str, str], PublicationRow] = {}
    for row in rows:  # the newest first, so the oldest of a digest stays
        for part, digest in row.parts.items():
            if part.startswith(_PLAN) and scenario in (None, part.removeprefix(_PLAN)):
                first[part.removeprefix(_PLAN), str(digest)] = row
    journeys = open_journeys(session)
    found = [
        Version(
            scenario=name,
            digest=digest,
            publication_id=row.id,
            publication_digest=row.digest,
            published_at=row.published_at,
            published_by=row.published_by,
            approved_by=row.approved_by,
            live=live.get(f"{_PLAN}{name}") == digest,
            open_journeys=journeys.get((name, digest), 0),
        )
        for (name, digest), row in first.items()
    ]
    found.sort(key=lambda one: (one.published_at, one.publication_id), reverse=True)
    return sorted(found, key=lambda one: one.scenario)


def open_journeys(session: Session) -> dict[tuple[str, str], int]:
    """Return how many journeys are open, by scenario and digest of their plan."""
    counted = session.exec(
        select(Enrolment.scenario, Enrolment.plan_digest, func.count())
        .where(Enrolment.status != EnrolmentStatus.ENDED)
        .group_by(col(Enrolment.scenario), col(Enrolment.plan_digest))
    ).all()
    return {(scenario, digest): number for scenario, digest, number in counted}


def scenario_names(session: Session) -> list[str]:
    """Return every scenario that was ever published, by name."""
    names = {part for row in _publications(session) for part in row.parts if part.startswith(_PLAN)}
    return sorted(name.removeprefix(_PLAN) for name in names)


def find_version(session: Session, text: str) -> Named:
    """Return what the first letters of an id or digest mean.

    A publication is named by its id or digest, a version of one scenario by its plan's digest; the
    newest publication with it stands for it. Raises `VersionError`.
    """
    if len(text) < _LEAST:
        raise VersionError(f"`{text}` is too short: write at least {_LEAST} letters of an id or digest")
    rows = _publications(session)
    found: dict[str, Named] = {}
    for row in rows:
        if row.id.startswith(text) or row.digest.startswith(text):
            found.setdefault(row.digest, Named(row.id))
        for part, digest in row.parts.items():
            if part.startswith(_PLAN) and str(digest).startswith(text):
                found.setdefault(str(digest), Named(row.id, part.removeprefix(_PLAN)))
    if not found:
        raise VersionError(
            f"there is no version `{text}`; `leadloop scenarios SCENARIO` lists the versions, "
            "and `live` and `.` mean what is live and the files here"
        )
    if len(found) > 1:
        raise VersionError(f"`{text}` is the beginning of {len(found)} versions; write more letters")
    return next(iter(found.values()))


def _publications(session: Session) -> list[PublicationRow]:
    """Return all publications, the newest first."""
    newest = select(PublicationRow).order_by(
        col(PublicationRow.published_at).desc(), col(PublicationRow.id).desc()
    )
    return list(session.exec(newest).all())
