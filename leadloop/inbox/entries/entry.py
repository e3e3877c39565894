"""Entries: an event starts journeys. The database's unique keys decide, not Temporal."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import IntegrityError

from leadloop.inbox import exits
from leadloop.inbox.entries.companies import enough_people, enter_colleague, person_of, tell
from leadloop.inbox.entries.events import Asked, asked, asked_by, entry_digest, plans_entered_by
from leadloop.inbox.entries.limits import take_place
from leadloop.inbox.entries.rules import Refusal, has_turn_to_take, refused, restarts
from leadloop.inbox.entries.timers import still_holds
from leadloop.inbox.operations.scenario_pauses import follow_scenario
from leadloop.inbox.relaying.due_rows import WAITING
from leadloop.inbox.relaying.wakes import ask_wake
from leadloop.journey.state import first_state
from leadloop.storage.tables import Due, Enrolment, EnrolmentStatus, Event

if TYPE_CHECKING:
    from leadloop.inbox.apply import Application

REPEATED = "entry_repeated"
"""`entry_repeated {scenario, refused?}`: a journey of `scenario` is open, so that the entry did not
start `refused` (the same scenario where it is not named)."""

_FIRST_LOOK = timedelta(seconds=10)
_LAST_LOOK = timedelta(hours=1)


def enter_journeys(application: Application, event: Event) -> None:
    """Start every scenario that this event is an entry of and that the lead may enter."""
    if not application.lets_enter:
        return
    for plan in plans_entered_by(application.publication, event):
        wish = asked(application, plan, event)
        if wish is None or not enough_people(application, wish):
            continue
        person = person_of(application, wish)
        if person != application.lead.id:
            enter_colleague(application, wish, person)
        else:
            enter(application, wish)


def enter(application: Application, wish: Asked, *, has_place: bool = False, waited: bool = False) -> None:
    """Start one scenario where nothing speaks against it; else write down what does.

    `has_place`: a place under the entry's limit was taken before. `waited`: the journey in the way had
    its turn.
    """
    refusal = refused(application, wish)
    if refusal is not None:
        if waited or not _waits_for_turn(application, wish, refusal):
            _write_down(application, wish, refusal)
        return
    if wish.entry.limit is not None and not has_place:
        if application.dues.get(_waiting_key(application, wish)) is not None:
            return  # it has a place already
        at = take_place(application.session, wish, application.now, application.workspace_zone)
        if at > application.now:
            _wait(application, wish, at, place=True)
            return
    newest = application.history.newest(wish) if wish.plan.reentry.mode == "always" else None
    if newest is not None and newest.status != EnrolmentStatus.ENDED and restarts(application, wish, newest):
        exits.end_journey(application, newest, exits.RESTARTED, "entered again")
    if not _begin(application, wish):
        _write_down(application, wish, Refusal("open", application.history.newest(wish)))


def enter_waiting(application: Application, row: Due) -> None:
    """Decide an entry whose turn has come. The row is gone already; it is written again if need be."""
    session, detail = application.session, row.detail
    plan = application.publication.plans.get(str(detail.get("scenario")))
    event = session.get(Event, detail.get("event"))
    index = detail.get("entry")
    if plan is None or event is None or not isinstance(index, int) or index >= len(plan.entry):
        return
    if entry_digest(plan.entry[index]) != detail.get("match"):  # another one by now
        return
    wish = asked_by(application, plan, index, event)
    ahead = session.get(Enrolment, detail["after"]) if "after" in detail else None
    if ahead is not None and ahead.status != EnrolmentStatus.ENDED and ahead.turn_no == detail.get("turn"):
        pause = min(timedelta(seconds=2 * float(detail.get("pause", 0))), _LAST_LOOK)
        _wait_for_turn(application, wish, ahead, max(pause, _FIRST_LOOK))
    elif still_holds(application, wish):
        enter(application, wish, has_place=bool(detail.get("place")), waited=ahead is not None)
    application.settle()


def journey_of(application: Application, wish: Asked) -> Enrolment:
    """Return the journey that an entry begins, as it is before its first turn. It is not written yet."""
    lead, plan = application.lead, wish.plan
    return Enrolment(
        scenario=plan.scenario,
        plan_digest=application.stored.parts[f"plan:{plan.scenario}"],
        publication_id=application.stored.id,
        lead_id=lead.id,
        company_id=lead.company_id,
        subject_key=wish.subject_key,
        record_key=wish.record_key,
        cause_event_id=wish.cause.id,
        entry_step=wish.start,
        state=first_state(plan, wish.start).model_dump(mode="json"),
        entered_at=application.now,
        entered_seq=lead.last_seq,
        moved_at=application.now,
        cycle=lead.cycle,
    )


def repeated(wish: Asked, other: Enrolment) -> dict[str, Any]:
    """Return the properties of the `entry_repeated` that tells of an open journey in an entry's way."""
    if other.scenario == wish.plan.scenario:
        return {"scenario": other.scenario}
    return {"scenario": other.scenario, "refused": wish.plan.scenario}


def _begin(application: Application, wish: Asked) -> bool:
    """Write the journey; False where another transaction opened it for the same subject just now."""
    session, lead = application.session, application.lead
    enrolment = journey_of(application, wish)
    journeys = application.open_journeys  # read before there is one more
    # Nobody else enters a locked lead; for its company a colleague may enter in the same moment.
    alone = wish.subject_key == lead.id
    try:
        with nullcontext() if alone else session.begin_nested():
            session.add(enrolment)
            if not alone:
                session.flush()
    except IntegrityError:
        return False
    journeys.append(enrolment)
    application.history.began(wish)
    follow_scenario(application, enrolment)
    ask_wake(session, enrolment.id, application.now)
    return True


def _waits_for_turn(application: Application, wish: Asked, refusal: Refusal) -> bool:
    """Put the entry off where its own journey in the way has a turn to take: it may end in it.

    What ends it came before this entry; that nobody has taken the turn yet must not decide. Nor must
    that the turn is being taken, and its last step caused this entry.
    """
    other = refusal.other
    if other is None or refusal.code not in ("open", "group") or other.lead_id != application.lead.id:
        return False
    in_turn = other.id == application.turn_of
    if not in_turn and not has_turn_to_take(application.session, other, application.now):
        return False
    if application.dues.get(_waiting_key(application, wish)) is not None:
        return False
    _wait_for_turn(application, wish, other, _FIRST_LOOK)
    return True


def _write_down(application: Application, wish: Asked, refusal: Refusal) -> None:
    """Write a refused entry into the story of the journey that is open in its place."""
    other = refusal.other
    if other is None or other.status == EnrolmentStatus.ENDED or refusal.code == "entered":
        return
    properties = repeated(wish, other)
    if other.lead_id == application.lead.id:
        application.emit(REPEATED, wish.event, **properties)
    else:
        tell(application, other.lead_id, REPEATED, **properties)


def _wait_for_turn(application: Application, wish: Asked, ahead: Enrolment, pause: timedelta) -> None:
    _wait(
        application,
        wish,
        application.now + pause,
        after=ahead.id,
        turn=ahead.turn_no,
        pause=pause.total_seconds(),
    )


def _wait(application: Application, wish: Asked, at: datetime, **detail: Any) -> None:
    application.dues.write(
        _waiting_key(application, wish),
        WAITING,
        at,
        {
            "scenario": wish.plan.scenario,
            "entry": wish.index,
            "match": entry_digest(wish.entry),
            "event": wish.event.id,
            **detail,
        },
    )


def _waiting_key(application: Application, wish: Asked) -> str:
    return f"{WAITING}:{wish.plan.scenario}:{wish.index}:{application.lead.id}:{wish.record_key}"
