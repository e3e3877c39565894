"""Publications in the database: parts stored once by digest, loaded once per process."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from pydantic import TypeAdapter
from sqlmodel import Session, col, select

from leadloop.language.plan import (
    FORMAT,
    Lifecycle,
    Plan,
    PlanModel,
    Publication,
    Scoring,
    Segment,
    Stream,
    Workspace,
    canonical,
)
from leadloop.storage.columns import new_id
from leadloop.storage.database import Database, StorageError
from leadloop.storage.tables import Blob, PublicationRow

_Shape = TypeVar("_Shape", bound=PlanModel)
_STREAMS = TypeAdapter(dict[str, Stream])
_SEGMENTS = TypeAdapter(dict[str, Segment])
NEWEST = (
    select(PublicationRow.id)
    .order_by(col(PublicationRow.published_at).desc(), col(PublicationRow.id).desc())
    .limit(1)
)
CURRENT = "leadloop_current_publication"
"""Where a session keeps the newest publication's id, for the rest of its transaction."""


class NotPublishedError(StorageError):
    """Nothing is published in this database yet."""


class PlanFormatError(StorageError):
    """A plan was compiled by a newer leadloop than this one."""


@dataclass(frozen=True)
class StoredPublication:
    """A publication with the id under which enrolments and messages pin it."""

    id: str
    publication: Publication
    parts: Mapping[str, str]
    """Part name (`plan:<scenario>`) -> digest."""


class PublicationStore:
    """Loads publications and plans. They never change, so each is read once."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._publications: dict[str, StoredPublication] = {}
        self._plans: dict[str, Plan] = {}
        self._lock = threading.Lock()

    def current(self, session: Session | None = None) -> StoredPublication:
        """Return what is live now, the same all through a transaction.

        Raises `NotPublishedError` before the first publication.
        """
        if session is None:
            with self._database.read() as own:
                return self.current(own)
        newest: str | None = session.info.get(CURRENT)
        if newest is None:
            newest = session.connection().execute(NEWEST).scalar()
            if newest is None:
                raise NotPublishedError("nothing is published yet; run `leadloop publish`")
            session.info[CURRENT] = newest
        return self.get(newest, session)

    def get(self, publication_id: str, session: Session | None = None) -> StoredPublication:
        """Return one publication by id. Raises `NotPublishedError` where there is none."""
        known = self._publications.get(publication_id)
        if known is not None:
            return known
        if session is None:
            with self._database.read() as own:
                return self.get(publication_id, own)
        row = session.get(PublicationRow, publication_id)
        if row is None:
            raise NotPublishedError(f"no publication {publication_id}")
        stored = StoredPublication(row.id, _load(session, row.parts), dict(row.parts))
        with self._lock:
            self._publications[publication_id] = stored
        return stored

    def plan(self, plan_digest: str, session: Session) -> Plan:
        """Return a plan by its digest. Raises `PlanFormatError` for a plan from the future."""
        known = self._plans.get(plan_digest)
        if known is not None:
            return known
        blob = session.get(Blob, plan_digest)
        if blob is None:
            raise StorageError(f"no plan {plan_digest}")
        plan = Plan.model_validate_json(blob.content)
        if plan.format > FORMAT:
            raise PlanFormatError(
                f"{plan.scenario}: plan format {plan.format} needs a newer leadloop (this one: {FORMAT})"
            )
        with self._lock:
            self._plans[plan_digest] = plan
        return plan


def publish(
    session: Session,
    publication: Publication,
    by: str,
    now: datetime,
    *,
    approved_by: str | None = None,
    expected_mails: int | None = None,
) -> str:
    """Store a publication and make it the current one, all or nothing; return its id.

    Publishing what is already current changes nothing and returns the same id. The engine publishes
    by `inbox.publishing`, which also tells the journeys in flight.
    """
    parts = publication.digests()
    digest = publication.digest()
    newest = session.exec(
        select(PublicationRow).order_by(
            col(PublicationRow.published_at).desc(), col(PublicationRow.id).desc()
        )
    ).first()
    if newest is not None and newest.digest == digest:
        return newest.id
    texts = _texts(publication)
    known = set(session.exec(select(Blob.digest).where(col(Blob.digest).in_(list(parts.values())))).all())
    for name, part_digest in parts.items():
        if part_digest not in known:
            known.add(part_digest)
            session.add(Blob(digest=part_digest, kind=name.split(":")[0], content=texts[name]))
    row = PublicationRow(
        id=new_id(), digest=digest, parts=parts, published_at=now, published_by=by,
        approved_by=approved_by, expected_mails=expected_mails,
    )  # fmt: skip
    session.add(row)
    session.flush()
    session.info.pop(CURRENT, None)
    return row.id


def _texts(publication: Publication) -> dict[str, str]:
    streams = {name: stream.model_dump(mode="json") for name, stream in publication.streams.items()}
    texts = {
        "workspace": _json(publication.workspace),
        "scoring": _json(publication.scoring),
        "lifecycle": _json(publication.lifecycle),
        "streams": canonical(streams),
    }
    if publication.segments:
        texts["segments"] = canonical(
            {name: segment.model_dump(mode="json") for name, segment in publication.segments.items()}
        )
    texts.update({f"plan:{name}": _json(plan) for name, plan in publication.plans.items()})
    texts.update({f"template:{name}": text for name, text in publication.templates.items()})
    texts.update({f"source:{name}": text for name, text in publication.sources.items()})
    return texts


def _json(model: PlanModel) -> str:
    return canonical(model.model_dump(mode="json"))


def _load(session: Session, parts: Mapping[str, str]) -> Publication:
    blobs = session.exec(select(Blob).where(col(Blob.digest).in_(list(parts.values())))).all()
    by_digest = {blob.digest: blob.content for blob in blobs}

    def shape(name: str, model: type[_Shape]) -> _Shape:
        return model.model_validate_json(by_digest[parts[name]])

    def texts(prefix: str) -> dict[str, str]:
        return {
            name.removeprefix(prefix): by_digest[digest]
            for name, digest in parts.items()
            if name.startswith(prefix)
        }

    return Publication(
        workspace=shape("workspace", Workspace),
        scoring=shape("scoring", Scoring),
        lifecycle=shape("lifecycle", Lifecycle),
        streams=_STREAMS.validate_json(by_digest[parts["streams"]]),
        segments=_SEGMENTS.validate_json(by_digest[parts["segments"]]) if "segments" in parts else {},
        plans={name: Plan.model_validate_json(text) for name, text in texts("plan:").items()},
        templates=texts("template:"),
        sources=texts("source:"),
    )
