"""Scenarios that get in each other's way."""

from __future__ import annotations

from typing import Any

import pytest

from leadloop.inbox.planning.conflicts import Conflict, entry_conflicts, open_conflicts
from leadloop.language import plan as p
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Enrolment, EnrolmentStatus
from tests.factories import NOW, make_enrolment, make_lead, make_plans

NAME = "whitepaper-nurture"
END = p.Target(exit=p.COMPLETED)


def form(*values: str, prefix: str | None = None) -> p.EventMatch:
    wanted = p.PropertyMatch(name="form", values=values, prefix=prefix)
    return p.EventMatch(event="form_submitted", properties=(wanted,) if values or prefix else ())


def other(match: p.EntryMatch, topic: str = "service", **values: Any) -> dict[str, p.Plan]:
    """Return the usual scenarios and one more that mails a topic at once."""
    mail = p.SendStep(id="hello", template="case", topic=topic, on_skip=END, on_fail=END)
    plan = p.Plan(
        scenario="hello", topic=topic, entry=(p.Entry(match=match),), first="hello", steps={"hello": mail},
        **values,
    )  # fmt: skip
    return make_plans() | {"hello": plan}


@pytest.mark.parametrize(
    ("match", "together"),
    [
        (form("whitepaper"), True),
        (form("contact", "whitepaper"), True),
        (form(), True),
        (form(prefix="white"), True),
        (form("contact"), False),
        (form(prefix="con"), False),
        (p.EventMatch(event="page_viewed"), False),
    ],
)
def test_entry_conflict_of_the_same_event(match: p.EventMatch, together: bool) -> None:
    found = entry_conflicts(other(match), {"hello"})
    assert bool(found) == together
    if together:
        assert (found[0].scenario, found[0].other, found[0].topics) == ("hello", NAME, ("service",))


def test_entry_conflict_names_what_begins_both() -> None:
    (found,) = entry_conflicts(other(form("whitepaper"), topic="nurture"), {"hello"})
    assert found.entry == "form_submitted form=whitepaper"
    assert found.topics == ()  # the other one mails `service` first, `nurture` only after a wait


def test_entry_conflict_of_the_same_stage() -> None:
    (found,) = entry_conflicts(other(p.StageMatch(stages=("mql", "sal"))), {"hello"})
    assert (found.other, found.entry) == ("sales-handoff", "stage mql/sal")


def test_entry_conflict_of_the_same_schedule_names_its_time_and_zone() -> None:
    match = p.ScheduleMatch(schedule=p.Cron(cron="0 10 * * TUE"), segment="it", zone="Asia/Tokyo")
    plans = other(match)
    plans[NAME] = plans[NAME].model_copy(update={"entry": (p.Entry(match=match),)})
    (found,) = entry_conflicts(plans, {"hello"})
    assert found.entry == "schedule cron 0 10 * * TUE in Asia/Tokyo of it"
    elsewhere = p.Entry(match=match.model_copy(update={"zone": "Europe/Berlin"}))
    plans[NAME] = plans[NAME].model_copy(update={"entry": (elsewhere,)})
    assert entry_conflicts(plans, {"hello"}) == []


def test_entry_conflict_needs_a_changed_scenario() -> None:
    assert entry_conflicts(other(form("whitepaper")), set()) == []
    assert entry_conflicts(other(form("whitepaper")), {NAME}) != []


def test_entry_conflict_is_none_within_a_group() -> None:
    plans = other(form("whitepaper"), group="early")
    plans[NAME] = plans[NAME].model_copy(update={"group": "early"})
    assert entry_conflicts(plans, {"hello"}) == []


def test_open_conflict_counts_who_is_in_both(env: Environment) -> None:
    plans = other(form(), topic="nurture")
    with env.database.write() as session:
        live = env.publications.current(session)
        for second_is_open in (True, True, False):
            lead = make_lead(session, env)
            make_enrolment(session, live.id, lead, NAME, subject_key=lead.id)
            make_enrolment(session, live.id, lead, "lost-deal-recycle", subject_key=lead.id)  # mails nothing
            session.add(
                Enrolment(
                    scenario="hello", plan_digest="", publication_id=live.id,
                    lead_id=lead.id, subject_key=lead.id,
                    status=EnrolmentStatus.RUNNING if second_is_open else EnrolmentStatus.ENDED,
                    entered_at=NOW, moved_at=NOW,
                )
            )  # fmt: skip
        found = open_conflicts(session, plans, {"hello"})
        assert open_conflicts(session, plans, {NAME}) == found
        assert open_conflicts(session, plans, {"lost-deal-recycle"}) == []
        assert open_conflicts(session, other(form(), topic="other"), {"hello"}) == []
    assert found == [Conflict("open", "hello", NAME, ("nurture",), people=2)]
