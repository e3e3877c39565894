"""New versions of a scenario, and the people in flight on an older one.

Publishing only notes what is to happen; a service loop walks the journeys, each under its own locks.
A journey moves in its next turn, never while a mail or a call of its step is in flight.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import partial

from sqlalchemy import ColumnElement, case, func, or_, update
from sqlmodel import Session, col, select

from leadloop.inbox.apply import Application
from leadloop.inbox.exits import end_journey
from leadloop.inbox.relaying.putting_off import PutOff
from leadloop.inbox.relaying.wakes import ask_wake
from leadloop.inbox.sales_lock import sync_sales_lock
from leadloop.inbox.turns.causes import FINISH, LOST
from leadloop.journey.decide import EDITED
from leadloop.journey.state import JourneyState, Moved, renamed
from leadloop.language.plan import Plan
from leadloop.sales.offers import withdraw_offers
from leadloop.sales.tasks import withdraw_tasks
from leadloop.storage.database import announce, lock_enrolment, lock_lead
from leadloop.storage.environment import Environment
from leadloop.storage.publications import StoredPublication
from leadloop.storage.tables import (
    Enrolment,
    EnrolmentStatus,
    Message,
    MessageStatus,
    PublicationRow,
    Setting,
)

EDITIONS = "editions"
"""Topic of the news that journeys are to be told of a new version."""
_PREFIX = "edition:"
_STEP_MAP = "step_map:"
_put_off = PutOff("editions")
_WAITS_ANEW = frozenset({"wait", "await", "recycle"})
"""Steps whose wait is worked out again; other steps keep the wait they are in."""


def apply_edition(
    session: Session,
    env: Environment,
    old: StoredPublication | None,
    new: StoredPublication,
    now: datetime,
) -> dict[str, int]:
    """Note, in the publishing transaction, what becomes of people on older versions.

    Returns how many open journeys each of `move`, `finish` and `exit` concerns now. `stay` needs nothing.
    """
    counts: dict[str, int] = {}
    wishes: dict[str, dict[str, str]] = {}
    before = old.parts if old is not None else {}
    plans = new.publication.plans
    edited = {name for name in plans if before.get(f"plan:{name}") != new.parts[f"plan:{name}"]}
    _forget(session, edited)
    for scenario in sorted(edited):
        what, digest = plans[scenario].on_edit.default, new.parts[f"plan:{scenario}"]
        if what == "stay":
            continue
        wish = {"what": what, "digest": digest}
        concerned = session.exec(select(func.count()).where(*_concerned(scenario, wish))).one()
        if concerned:
            wishes[scenario] = wish
            counts[what] = counts.get(what, 0) + concerned
    if wishes:
        session.add(Setting(key=f"{_PREFIX}{new.id}", value={"scenarios": wishes, "at": now.isoformat()}))
        announce(session, EDITIONS)
    return counts


def wish_move(session: Session, key: str, scenario: str, digest: str, now: datetime) -> None:
    """Note that the open journeys of a scenario are to move to a version, whatever it says itself.

    Those that lack their step there are told once more: it may be mapped by now.
    """
    _forget(session, {scenario})
    wish = {"what": "move", "digest": digest, "since": now.isoformat()}
    value = {"scenarios": {scenario: wish}, "at": now.isoformat()}
    session.add(Setting(key=f"{_PREFIX}{key}", value=value))
    announce(session, EDITIONS)


def step_map(session: Session, plan: Plan, digest: str) -> dict[str, str]:
    """Return where people on steps of other versions go in this one: by `on_edit`, and by operators."""
    row = session.get(Setting, f"{_STEP_MAP}{digest}")
    return {**plan.on_edit.steps, **(row.value if row is not None else {})}


def add_step_map(session: Session, digest: str, steps: Mapping[str, str]) -> None:
    """Map steps that the version itself does not; what is mapped already is replaced."""
    row = session.get(Setting, f"{_STEP_MAP}{digest}", with_for_update=True)
    if row is None:
        row = Setting(key=f"{_STEP_MAP}{digest}", value={})
    row.value = {**row.value, **steps}
    session.add(row)
    session.flush()


def run_editions(env: Environment, limit: int = 100) -> int:
    """Tell up to `limit` journeys of a new version; return how many were looked at."""
    broken = _put_off.ids()
    with env.database.read() as session:
        notes = session.exec(
            select(Setting).where(col(Setting.key).startswith(_PREFIX)).order_by(col(Setting.key))
        ).all()
        for note in notes:
            for scenario, wish in note.value.get("scenarios", {}).items():
                rows = session.exec(
                    select(Enrolment.id, Enrolment.lead_id)
                    .where(*_concerned(scenario, wish), col(Enrolment.id).not_in(broken))
                    .order_by(col(Enrolment.id))
                    .limit(limit)
                ).all()
                if rows:
                    break
            else:
                continue
            break
        else:
            rows, wish = [], {}
    for enrolment_id, lead_id in rows:
        _put_off.attempt(enrolment_id, partial(_tell, env, enrolment_id, lead_id, scenario, wish))
    if notes and not rows and not broken:
        _end_notes(env, [note.key for note in notes])
    return len(rows)


def edition_progress(session: Session) -> dict[str, tuple[str, int]]:
    """Return, by scenario, what people on older versions do (`move`, `finish`, `exit`), and how many of
    them were not told yet."""
    found: dict[str, tuple[str, int]] = {}
    for note in session.exec(select(Setting).where(col(Setting.key).startswith(_PREFIX))).all():
        for scenario, wish in note.value.get("scenarios", {}).items():
            left = session.exec(select(func.count()).where(*_concerned(scenario, wish))).one()
            found[scenario] = (wish["what"], left)
    return found


def _concerned(scenario: str, wish: Mapping[str, str]) -> tuple[ColumnElement[bool], ...]:
    """Return the condition of open journeys on another version that were not told yet."""
    others = (
        col(Enrolment.scenario) == scenario,
        col(Enrolment.status) != EnrolmentStatus.ENDED,
        col(Enrolment.plan_digest) != wish["digest"],
    )
    if wish["what"] == "exit":  # an older version may have told them to finish their step
        return others
    told = (wish["digest"], f"{LOST}{wish['digest']}") if wish["what"] == "move" else (FINISH,)
    untold = or_(col(Enrolment.move_to).is_(None), col(Enrolment.move_to).not_in(told))
    if "since" in wish:  # who was lost before may be mapped now
        lost = col(Enrolment.move_to) == f"{LOST}{wish['digest']}"
        untold |= lost & (col(Enrolment.moved_at) <= datetime.fromisoformat(wish["since"]))
    return (*others, untold)


def _tell(env: Environment, enrolment_id: str, lead_id: str, scenario: str, wish: Mapping[str, str]) -> int:
    with env.database.write() as session:
        lead = lock_lead(session, lead_id)
        application = Application(session, env, lead, env.clock.now())
        application.apply_pending()
        enrolment = lock_enrolment(session, enrolment_id)
        still = session.exec(
            select(Enrolment.id).where(Enrolment.id == enrolment_id, *_concerned(scenario, wish))
        ).first()
        if still is None:
            return 0
        if wish["what"] == "exit":
            end_journey(application, enrolment, EDITED, "a new version was published")
            application.settle()
            return 1
        enrolment.move_to = wish["digest"] if wish["what"] == "move" else FINISH
        session.add(enrolment)
        ask_wake(session, enrolment.id, application.now)
        return 1


def _forget(session: Session, scenarios: set[str]) -> None:
    """Take scenarios out of older notes: the newest version decides."""
    for note in session.exec(select(Setting).where(col(Setting.key).startswith(_PREFIX))).all():
        left = {name: wish for name, wish in note.value["scenarios"].items() if name not in scenarios}
        if left:
            note.value = {**note.value, "scenarios": left}
            session.add(note)
        else:
            session.delete(note)


def _end_notes(env: Environment, keys: list[str]) -> None:
    """Delete the notes that concern nobody any more."""
    with env.database.write() as session:
        for key in keys:
            note = session.get(Setting, key)
            if note is None:
                continue
            wishes = note.value.get("scenarios", {})
            if not any(
                session.exec(select(Enrolment.id).where(*_concerned(scenario, wish)).limit(1)).first()
                for scenario, wish in wishes.items()
            ):
                session.delete(note)


# --- in a turn ------------------------------------------------------------------------------------


class LostStepError(Exception):
    """The new version lacks the step a journey is on, and `on_edit` does not say where it goes."""


def follow_newest(application: Application, enrolment: Enrolment) -> None:
    """Tell a journey in its first turn what `run_editions` could not.

    A version may have gone live while the transaction that began the journey was still open.
    """
    live = application.publication.plans.get(enrolment.scenario)
    digest = application.stored.parts.get(f"plan:{enrolment.scenario}")
    if live is None or digest == enrolment.plan_digest or live.on_edit.default == "stay":
        return
    if enrolment.move_to is None:
        enrolment.move_to = digest if live.on_edit.default == "move" else FINISH


def switch_version(application: Application, enrolment: Enrolment) -> tuple[JourneyState, bool]:
    """Put a journey on the version it moves to; return its position there, and whether it waits on.

    It waits on where its step is of the same kind. Raises `LostStepError` and changes nothing.
    """
    session, publications = application.session, application.env.publications
    digest = enrolment.move_to or enrolment.plan_digest
    old, new = publications.plan(enrolment.plan_digest, session), publications.plan(digest, session)
    state = JourneyState.model_validate(enrolment.state)
    names = step_map(session, new, digest)
    step = _mapped(new, names, state.step)
    if state.pending is not None and state.pending.step is not None:
        _mapped(new, names, state.pending.step)
    moved = renamed(state, names)
    if names:  # `of` finds the mails of a step by its name
        step_id = col(Message.step_id)
        session.exec(
            update(Message)
            .where(col(Message.enrolment_id) == enrolment.id, step_id.in_(names))
            .values(step_id=case(names, value=step_id, else_=step_id))
            .execution_options(synchronize_session="fetch")
        )
    enrolment.plan_digest = digest
    enrolment.publication_id = _publication_of(application, enrolment.scenario, digest)
    enrolment.move_to = None
    session.add(enrolment)
    same_kind = old.steps[state.step].kind == new.steps[step].kind
    if not same_kind:
        _leave(application, enrolment)
    return moved, same_kind


def _leave(application: Application, enrolment: Enrolment) -> None:
    """Take back what the old step waits for and nobody has taken up."""
    session, lead, now = application.session, application.lead, application.now
    withdraw_tasks(session, lead, enrolment.id, now)
    if withdraw_offers(session, lead, enrolment.id, EDITED, now, accepted=False):
        sync_sales_lock(application)
    held = select(Message).where(Message.enrolment_id == enrolment.id, Message.status == MessageStatus.HELD)
    for message in session.exec(held).all():
        message.status, message.reason, message.hold_until = MessageStatus.SKIPPED, EDITED, None
        session.add(message)
    application.changed()


def keeps_its_wait(plan: Plan, state: JourneyState, cause: object) -> bool:
    """Return whether a moved journey stays in the very wait it is in: an offer, a task, a held mail."""
    return isinstance(cause, Moved) and plan.steps[state.step].kind not in _WAITS_ANEW


def _mapped(new: Plan, names: Mapping[str, str], step: str) -> str:
    target = names.get(step, step)
    if target not in new.steps:
        raise LostStepError(f"the new version has no step `{step}`, and nothing maps it")
    return target


def _publication_of(application: Application, scenario: str, digest: str) -> str:
    """Return the newest publication that holds this version, so that its templates go with it."""
    name = f"plan:{scenario}"
    if application.stored.parts.get(name) == digest:
        return application.stored.id
    rows = application.session.exec(
        select(PublicationRow.id, PublicationRow.parts).order_by(
            col(PublicationRow.published_at).desc(), col(PublicationRow.id).desc()
        )
    ).all()
    return next((row_id for row_id, parts in rows if parts.get(name) == digest), application.stored.id)
