"""Merging two leads that turn out to be one person. One of them is kept; the other one points to it.

What the other one did becomes the kept one's past: it gives points and counts in questions about the past,
and starts, satisfies and ends nothing by itself. Permissions never grow by a merge: every refusal of either
holds, and the other's permissions are taken over only together with its address. It cannot be undone,
because what follows from it (points, bands, journeys that end) cannot be taken apart again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, cast

import structlog
from sqlalchemy import CursorResult
from sqlmodel import Session, SQLModel, col, delete, func, select, update

from leadloop.inbox import exits
from leadloop.inbox.apply import Application
from leadloop.inbox.operations.log import Caller, OperationError, transaction, write_operation
from leadloop.leads.consent import ALL_TOPICS, record_refusal, refused_since
from leadloop.scoring.ledger import RESET
from leadloop.storage.database import RowMissingError, lock_lead
from leadloop.storage.environment import Environment
from leadloop.storage.tables import (
    Call,
    Consent,
    Deal,
    Due,
    Enrolment,
    Event,
    Lead,
    LeadScore,
    Message,
    Offer,
    Operation,
    Record,
    RecycledLoss,
    ScoreEntry,
    Task,
    TopicSuppression,
    Visitor,
)

MERGED = "merged"
"""Why the other lead's open journeys end."""
_ACTION = "merge"

_FILLED = (
    "company_id", "email", "family_name", "given_name", "family_kana", "given_kana", "honorific",
    "company_name", "department", "job_title", "phone", "mobile", "prefecture", "country", "timezone",
    "locale", "source", "owner", "last_owner",
)  # fmt: skip
"""Columns that the kept lead takes over where it has nothing."""
_MOVED = (Message, Call, Offer, Task, Deal, Record, TopicSuppression, Visitor)
"""Tables whose rows simply become the kept lead's."""
_log = structlog.get_logger()


@dataclass(frozen=True)
class Merge:
    """What a merge did, or would do. Numbers are rows that become the kept lead's."""

    kept: str
    merged: str
    journeys_ended: tuple[str, ...]
    """Scenarios of the other lead's open journeys."""
    events: int
    score_entries: int
    messages: int
    fields: tuple[str, ...]
    """Names of the fields that the kept lead takes over, because it has none of its own."""
    tags: tuple[str, ...]
    refusals: tuple[str, ...]
    """Topics that the other one refuses; `*` for all. The kept one refuses them from now on."""
    permissions: int
    """Permissions that come along with the address."""

    def as_json(self) -> dict[str, Any]:
        """Return it as the API and the command show it."""
        return {
            name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()
        }


def merge_leads(env: Environment, kept_id: str, other_id: str, caller: Caller) -> Merge:
    """Merge the second lead into the first one, in one transaction under the locks of both.

    Raises `OperationError`: `not_found`; `invalid` for a lead with itself, for somebody who was erased,
    and while sales works on the one that would go.
    """
    with transaction(env, caller) as session:
        kept, other = _lock_both(session, kept_id, other_id)
        now = env.clock.now()
        Application(session, env, kept, now).apply_pending()
        merge = _Merging(session, env, kept, other, now).run()
        ended = len(merge.journeys_ended)
        write_operation(session, env, caller, _ACTION, lead_id=kept.id, merged=other.id, journeys_ended=ended)
    if not caller.dry_run:
        _log.info("leads_merged", lead_id=merge.kept, merged=merge.merged)
    return merge


def forget_reasons(session: Session, lead_ids: Sequence[str]) -> None:
    """Empty what people wrote beside the merges of leads that are erased."""
    for row in session.exec(select(Operation).where(Operation.action == _ACTION)).all():
        if row.detail.get("lead_id") in lead_ids:
            row.reason = ""
            session.add(row)


def _lock_both(session: Session, kept_id: str, other_id: str) -> tuple[Lead, Lead]:
    """Lock two leads in the order of their ids. Others wait for one only, so nobody waits in a circle."""
    found: dict[str, Lead] = {}
    for lead_id in sorted({kept_id, other_id}):
        try:
            found[lead_id] = lock_lead(session, lead_id)
        except RowMissingError:
            raise OperationError("not_found", f"there is no lead {lead_id}") from None
        if found[lead_id].id != lead_id:
            text = f"lead {lead_id} was merged into {found[lead_id].id} already: name that one"
            raise OperationError("invalid", text)
    kept, other = found[kept_id], found[other_id]
    if kept.id == other.id:
        raise OperationError("invalid", "a lead cannot be merged with itself")
    if kept.erased_at is not None or other.erased_at is not None:
        raise OperationError("invalid", "one of them was erased: there is nothing to merge")
    if other.in_sales:
        text = "sales works on the lead that would go: keep that one, or let sales finish first"
        raise OperationError("invalid", text)
    return kept, other


class _Merging:
    def __init__(self, session: Session, env: Environment, kept: Lead, other: Lead, now: datetime) -> None:
        self.session = session
        self.env = env
        self.kept = kept
        self.other = other
        self.now = now

    def run(self) -> Merge:
        session, kept, other = self.session, self.kept, self.other
        ended = self._end_journeys()
        refusals, permissions = self._join_permissions()
        fields = self._fill_fields()
        tags = tuple(tag for tag in other.tags if tag not in kept.tags)
        kept.tags = [*kept.tags, *tags]
        events, entries = self._move_events(), self._move_scores()
        self._move_enrolments()
        messages = 0
        for table in _MOVED:
            moved = self._move(table)
            messages += moved if table is Message else 0
        self._move_losses()
        session.exec(delete(Due).where(col(Due.lead_id) == other.id))
        other.merged_into, other.segments, other.transition_truth = kept.id, [], {}
        session.add_all((kept, other))
        session.flush()
        application = Application(session, self.env, kept, self.now)
        application.rescore(set(application.publication.scoring.models), None)
        application.settle()
        return Merge(kept.id, other.id, ended, events, entries, messages, fields, tags, refusals, permissions)

    def _end_journeys(self) -> tuple[str, ...]:
        application = Application(self.session, self.env, self.other, self.now)
        application.apply_pending()
        journeys = list(application.open_journeys)
        for enrolment in journeys:
            exits.end_journey(application, enrolment, exits.EXITED, MERGED)
        return tuple(sorted(enrolment.scenario for enrolment in journeys))

    def _join_permissions(self) -> tuple[tuple[str, ...], int]:
        """Let every standing refusal of the other one hold; take its permissions along with its address."""
        session, other = self.session, self.other
        topics = set(session.exec(select(Consent.topic).where(Consent.lead_id == other.id)).all())
        refused = [topic for topic in sorted(topics) if refused_since(session, other.id, topic) is not None]
        refused = [ALL_TOPICS] if ALL_TOPICS in refused else refused
        permissions = 0 if self.kept.email is not None or other.email is None else self._move(Consent)
        for topic in refused:  # after what moved: a refusal is newer than every permission
            record_refusal(session, self.kept.id, topic, None, self.now)
        return tuple(refused), permissions

    def _fill_fields(self) -> tuple[str, ...]:
        kept, other = self.kept, self.other
        names = [name for name in _FILLED if getattr(kept, name) is None and getattr(other, name) is not None]
        for name in names:
            setattr(kept, name, getattr(other, name))
        own = [name for name in other.fields if name not in kept.fields]
        kept.fields = {**other.fields, **kept.fields}
        kept.cycle = max(kept.cycle, other.cycle)
        seen = [at for at in (kept.last_active_at, other.last_active_at) if at is not None]
        kept.last_active_at = max(seen, default=None)
        return (*names, *own)

    def _move_events(self) -> int:
        """Number the other's events before all of the kept one's: no wait or journey looks back to them."""
        first = self.session.exec(select(func.min(Event.lead_seq)).where(Event.lead_id == self.kept.id)).one()
        shift = min(first or 1, 1) - 1 - self.other.last_seq
        return self._move(Event, lead_seq=col(Event.lead_seq) + shift)

    def _move_scores(self) -> int:
        """Move the points that count: those since the last reset of their model."""
        session, other = self.session, self.other
        rows = session.exec(
            select(ScoreEntry).where(ScoreEntry.lead_id == other.id).order_by(col(ScoreEntry.id))
        ).all()
        counting: dict[str, list[str]] = {}
        for row in rows:
            if row.rule_id == RESET:
                counting[row.model] = []
            else:
                counting.setdefault(row.model, []).append(row.id)
        ids = [one for of_model in counting.values() for one in of_model]
        for start in range(0, len(ids), 500):
            some = col(ScoreEntry.id).in_(ids[start : start + 500])
            session.exec(update(ScoreEntry).where(some).values(lead_id=self.kept.id))
        session.exec(delete(LeadScore).where(col(LeadScore.lead_id) == other.id))
        return len(ids)

    def _move_enrolments(self) -> None:
        """Let the kept one have been in the other's scenarios, for the rules about entering again."""
        session, kept, other = self.session, self.kept, self.other
        caused = _causes(session.exec(select(Enrolment).where(Enrolment.lead_id == kept.id)).all())
        for row in session.exec(select(Enrolment).where(Enrolment.lead_id == other.id)).all():
            if (row.scenario, row.cause_event_id) in caused:
                row.cause_event_id = None  # both entered by one event; a cause is noted once a lead
            row.lead_id = kept.id
            if row.subject_key == other.id:
                row.subject_key = kept.id
            session.add(row)
        session.flush()

    def _move_losses(self) -> None:
        known = {
            (row.deal_id, row.loss)
            for row in self.session.exec(select(RecycledLoss).where(RecycledLoss.lead_id == self.kept.id))
        }
        for row in self.session.exec(select(RecycledLoss).where(RecycledLoss.lead_id == self.other.id)).all():
            if (row.deal_id, row.loss) not in known:
                self.session.add(RecycledLoss(**row.model_dump() | {"lead_id": self.kept.id}))

    def _move(self, table: type[SQLModel], **values: Any) -> int:
        self.session.flush()
        of_other = col(cast("Any", table).lead_id) == self.other.id
        done = self.session.exec(update(table).where(of_other).values(lead_id=self.kept.id, **values))
        return cast("CursorResult[Any]", done).rowcount


def _causes(rows: Sequence[Enrolment]) -> set[tuple[str, str | None]]:
    return {(row.scenario, row.cause_event_id) for row in rows if row.cause_event_id is not None}
