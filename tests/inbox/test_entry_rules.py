"""Who may enter: records, companies, groups, limits, re-entry, and why not."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from leadloop.inbox.applier import apply_lead, apply_once
from leadloop.inbox.apply import Application
from leadloop.inbox.entries.rules import explain_entry
from leadloop.language import plan as p
from leadloop.storage.database import lock_lead
from leadloop.storage.environment import Environment
from leadloop.storage.tables import EnrolmentStatus, Event, LeadScore
from tests.factories import NOW, ManualClock, make_environment, make_lead, make_plans
from tests.inbox.driver import events, journeys, report, settle
from tests.inbox.entry_worlds import (
    CARE,
    add_lead,
    condition,
    days,
    due_keys,
    lead_of,
    publication,
    scenario,
    segment,
    set_record,
    touch,
    world,
)

FORM = p.EventMatch(event="form_submitted")
VIEW = p.EventMatch(event="page_viewed")
MANUAL = p.ManualMatch()


def _form(env: Environment, lead: str) -> None:
    report(
        env, "form_submitted", lead_id=lead, properties={"form": "contact"}, source="form", trust="verified"
    )


def _view(env: Environment, lead: str, path: str = "/pricing") -> None:
    report(env, "page_viewed", lead_id=lead, properties={"path": path}, source="tracking")


def _ask(env: Environment, lead_id: str, name: str = CARE, **properties: str) -> None:
    """Ask for an entry by hand, as the command and the `enrol` step do."""
    with env.database.write() as session:
        lead = lock_lead(session, lead_id)
        application = Application(session, env, lead, env.clock.now())
        application.emit("enrol_requested", None, scenario=name, **properties)
        application.settle()


def _why(
    env: Environment, lead_id: str, event_type: str = "form_submitted", **properties: object
) -> str | None:
    """Ask why an event would not start the scenario; nothing is changed by asking."""
    with env.database.write() as session:
        application = Application(session, env, lock_lead(session, lead_id), env.clock.now())
        event = Event(
            subject_id=lead_id, type=event_type, properties=properties, source="api",
            occurred_at=env.clock.now(), received_at=env.clock.now(),
        )  # fmt: skip
        refusal = explain_entry(application, application.publication.plans[CARE], event)
        assert not session.new
        return refusal.code if refusal is not None else None


# --- by hand, by stage ---------------------------------------------------------------------------


def test_manual_entry_begins_where_it_is_asked_to(tmp_path: Path, clock: ManualClock) -> None:
    plan = scenario(MANUAL)
    steps = plan.steps | {"second": p.ExitStep(id="second", exit=p.Target(exit="late"))}
    env = world(tmp_path, clock, plan.model_copy(update={"steps": steps}), scenario(MANUAL, "other"))
    first, second, third = (add_lead(env) for _ in range(3))
    _ask(env, first)
    _ask(env, second, start="second")
    _ask(env, third, start="no-such-step")
    assert [(row.lead_id, row.entry_step) for row in journeys(env, CARE)] == [
        (first, None),
        (second, "second"),
        (third, None),
    ]
    assert journeys(env, "other") == []
    env.database.close()


def test_request_for_a_scenario_without_a_manual_entry_starts_nothing(
    tmp_path: Path, clock: ManualClock
) -> None:
    env = world(tmp_path, clock, scenario(FORM))
    lead = add_lead(env)
    _ask(env, lead)
    assert journeys(env) == []
    assert _why(env, lead, "enrol_requested", scenario=CARE) == "no_entry"
    env.database.close()


# --- records -------------------------------------------------------------------------------------


def test_record_entry_is_unique_for_the_record(tmp_path: Path, clock: ManualClock) -> None:
    attended = p.EventMatch(event="event_attended")
    env = world(tmp_path, clock, scenario(attended, per="seminar"))
    lead = add_lead(env)
    for seminar in ("S-1", "S-2", "S-1"):
        report(env, "event_attended", lead_id=lead, properties={"seminar": seminar})
        settle(env)
    assert [(row.record_key, row.subject_key) for row in journeys(env)] == [("S-1", lead), ("S-2", lead)]
    assert len(events(env, "entry_repeated")) == 1
    env.database.close()


def test_record_entry_without_a_key_is_refused(tmp_path: Path, clock: ManualClock) -> None:
    env = world(tmp_path, clock, scenario(FORM, per="seminar"))
    lead = add_lead(env)
    _form(env, lead)
    settle(env)
    assert journeys(env) == []
    assert _why(env, lead, form="contact") == "no_record"
    env.database.close()


def test_record_of_a_company_is_entered_once_by_the_company(tmp_path: Path, clock: ManualClock) -> None:
    env = world(tmp_path, clock, scenario(MANUAL, per="contract"))
    first, second = _people(env, 0, 0)
    company_id = lead_of(env, first).company_id
    set_record(env, "contract", "C-1", first, company_id=company_id)
    _ask(env, first, record="C-1")
    _ask(env, second, record="C-1")
    settle(env)
    (row,) = journeys(env)
    assert (row.lead_id, row.subject_key, row.record_key) == (first, f"company:{company_id}", "C-1")
    (repeated,) = events(env, "entry_repeated")  # in the story of the journey that is open
    assert repeated.lead_id == first
    env.database.close()


# --- companies -----------------------------------------------------------------------------------


def _people(env: Environment, *scores: int) -> list[str]:
    """Add people of one company with these scores."""
    ids = []
    company_id = None
    for score in scores:
        with env.database.write() as session:
            values = {"company_id": company_id} if company_id else {"company": "株式会社海社"}
            lead = make_lead(session, env, **values)  # type: ignore[arg-type]
            company_id = lead.company_id
            if score:
                session.add(LeadScore(lead_id=lead.id, model="engagement", points=score, read_at=NOW))
            ids.append(lead.id)
    return ids


def test_company_journey_is_that_of_the_person_with_the_highest_score(
    tmp_path: Path, clock: ManualClock
) -> None:
    env = world(tmp_path, clock, scenario(FORM, per="company"))
    trainee, head = _people(env, 5, 40)
    _form(env, trainee)
    settle(env)
    (row,) = journeys(env)
    assert row.lead_id == head
    assert row.subject_key.startswith("company:")
    (form,) = events(env, "form_submitted")
    assert row.cause_event_id == form.id
    _form(env, trainee)
    settle(env)
    assert len(journeys(env)) == 1
    assert [event.lead_id for event in events(env, "entry_repeated")] == [head]
    env.database.close()


def test_company_journey_needs_a_company(tmp_path: Path, clock: ManualClock) -> None:
    env = world(tmp_path, clock, scenario(FORM, per="company"))
    lead = add_lead(env)
    _form(env, lead)
    settle(env)
    assert journeys(env) == []
    assert _why(env, lead, form="contact") == "no_company"
    env.database.close()


def test_company_cooldown_counts_for_everybody_of_it(tmp_path: Path, clock: ManualClock) -> None:
    plan = scenario(FORM, per="company", wait=None, reentry=p.Reentry(cooldown=days(90)))
    env = world(tmp_path, clock, plan)
    first, second = _people(env, 20, 10)
    _form(env, first)
    settle(env)
    assert len(journeys(env)) == 1
    with env.database.write() as session:
        session.get_one(LeadScore, (second, "engagement")).points = 90
    clock.advance(days=89)
    _form(env, first)
    settle(env)
    assert len(journeys(env)) == 1
    clock.advance(days=1)
    _form(env, first)
    settle(env)
    assert [row.lead_id for row in journeys(env)] == [first, second]
    env.database.close()


def test_cooldown_in_business_days_leaves_out_holidays_of_the_send_window(
    tmp_path: Path, clock: ManualClock
) -> None:
    """Three business days after Friday 20 November are Thursday: Monday 23 is 勤労感謝の日."""
    rule = p.Reentry(cooldown=p.Span(amount=3, unit="business_days"))
    live = publication(scenario(FORM, wait=None, reentry=rule))
    limits = p.Limits(send_window=p.SendWindow(calendar="office"))
    workspace = live.workspace.model_copy(update={"limits": limits})
    env = make_environment(tmp_path, live.model_copy(update={"workspace": workspace}), clock)
    lead = add_lead(env)
    clock.instant = datetime(2026, 11, 20, 1, 0, tzinfo=UTC)
    _form(env, lead)
    settle(env)
    clock.instant = datetime(2026, 11, 25, 1, 0, tzinfo=UTC)  # with weekdays alone it would be over
    _form(env, lead)
    settle(env)
    assert len(journeys(env)) == 1
    assert _why(env, lead, form="contact") == "cooldown"
    clock.instant = datetime(2026, 11, 26, 1, 0, tzinfo=UTC)
    _form(env, lead)
    settle(env)
    assert len(journeys(env)) == 2
    env.database.close()


def test_people_of_a_company_are_counted_once_each_within_the_time(
    tmp_path: Path, clock: ManualClock
) -> None:
    match = p.EventMatch(event="page_viewed", properties=(p.PropertyMatch(name="path", prefix="/pricing"),))
    env = world(tmp_path, clock, scenario(match, per="company", people=3, within=days(14)))
    one, two, three, head = _people(env, 1, 1, 1, 50)
    outsider = add_lead(env)
    _view(env, one)
    settle(env)
    clock.advance(days=13)
    for lead, path in ((two, "/pricing"), (two, "/pricing/a"), (three, "/blog"), (outsider, "/pricing")):
        _view(env, lead, path)
        settle(env)
    assert journeys(env) == []
    clock.advance(days=2)  # what the first one did is too long ago
    _view(env, three)
    settle(env)
    assert journeys(env) == []
    _view(env, one)
    settle(env)
    assert [row.lead_id for row in journeys(env)] == [head]
    env.database.close()


def test_people_are_asked_for_their_own_fields(tmp_path: Path, clock: ManualClock) -> None:
    heads = condition('lead.job_title == "部長"', lead__job_title="text")
    match = p.EventMatch(event="page_viewed", where=heads)
    env = world(tmp_path, clock, scenario(match, per="company", people=2, within=days(14)))
    one, two, three = _people(env, 0, 0, 0)
    touch(env, one, job_title="部長")
    touch(env, two, job_title="主任")
    touch(env, three, job_title="部長")
    for lead in (two, one):
        _view(env, lead)
        settle(env)
    assert journeys(env) == []
    _view(env, three)
    settle(env)
    assert len(journeys(env)) == 1
    env.database.close()


# --- groups, audience, goals ---------------------------------------------------------------------


def test_group_lets_one_journey_be_open(tmp_path: Path, clock: ManualClock) -> None:
    env = world(
        tmp_path,
        clock,
        scenario(FORM, group="early", wait=3),
        scenario(VIEW, "other", group="early", priority=90),
        scenario(VIEW, "free"),
    )
    lead = add_lead(env)
    _form(env, lead)
    settle(env)
    _view(env, lead)
    settle(env)
    assert [row.scenario for row in journeys(env)] == [CARE, "free"]
    (repeated,) = events(env, "entry_repeated")
    assert repeated.properties == {"scenario": CARE, "refused": "other"}
    clock.advance(days=3)
    settle(env)
    _view(env, lead)
    settle(env)
    assert [row.scenario for row in journeys(env)] == [CARE, "free", "other"]
    env.database.close()


@pytest.mark.parametrize(
    ("plan", "lead", "code"),
    [
        ({"audience": condition("lead.employees >= 100", lead__employees="int")}, {}, "audience"),
        ({"goal": (p.StageMatch(stages=("mql",)),)}, {"stage": "mql"}, "goal_met"),
        (
            {"exit_when": (p.WhenMatch(when=condition("lead.in_sales", lead__in_sales="bool")),)},
            {"in_sales": True},
            "exit_met",
        ),
        ({}, {"erased_at": NOW}, "erased"),
        ({}, {}, None),
    ],
)
def test_explain_entry_names_the_first_reason(
    tmp_path: Path, clock: ManualClock, plan: dict[str, Any], lead: dict[str, Any], code: str | None
) -> None:
    env = world(tmp_path, clock, scenario(FORM, **plan))
    assert _why(env, add_lead(env, **lead), form="contact") == code
    env.database.close()


@pytest.mark.parametrize(
    ("reentry", "ended", "code"),
    [
        (p.Reentry(), False, "open"),
        (p.Reentry(mode="never"), True, "never_again"),
        (p.Reentry(cooldown=days(7)), True, "cooldown"),
        (p.Reentry(most=1), True, "max_entries"),
        (p.Reentry(most=2), True, None),
        (p.Reentry(mode="always", most=1), False, "max_entries"),
        (p.Reentry(most=1), False, "open"),
        (p.Reentry(), True, None),
        (p.Reentry(mode="always"), False, None),
    ],
)
def test_explain_entry_knows_the_journeys_before(
    tmp_path: Path, clock: ManualClock, reentry: p.Reentry, ended: bool, code: str | None
) -> None:
    env = world(tmp_path, clock, scenario(FORM, wait=None if ended else 3, reentry=reentry))
    lead = add_lead(env)
    _form(env, lead)
    settle(env)
    assert len(journeys(env)) == 1
    assert _why(env, lead, form="contact") == code
    env.database.close()


# --- an entry beside the end of the journey before it --------------------------------------------


def test_entry_waits_for_the_turn_that_ends_the_journey_in_its_way(
    tmp_path: Path, clock: ManualClock
) -> None:
    """The journey's wait is over, and nobody has taken its turn yet: it is no longer in the way."""
    env = world(tmp_path, clock, scenario(FORM, wait=3))
    lead = add_lead(env)
    _form(env, lead)
    settle(env)
    clock.advance(days=3)
    _form(env, lead)
    apply_once(env)  # before any worker took the turn
    assert len(journeys(env)) == 1
    assert events(env, "entry_repeated") == []
    settle(env)
    clock.advance(minutes=1)
    settle(env)
    assert [row.status for row in journeys(env)] == [EnrolmentStatus.ENDED, EnrolmentStatus.RUNNING]
    assert events(env, "entry_repeated") == []
    env.database.close()


def test_entry_that_waited_for_a_turn_is_repeated_where_the_journey_goes_on(
    tmp_path: Path, clock: ManualClock
) -> None:
    plan = scenario(FORM, wait=3)
    second = p.WaitStep(id="second", wait=p.WaitSpec(span=days(9)), next=p.Target(exit="completed"))
    first = plan.steps["first"].model_copy(update={"next": p.Target(step="second")})
    env = world(tmp_path, clock, plan.model_copy(update={"steps": {"first": first, "second": second}}))
    lead = add_lead(env)
    _form(env, lead)
    settle(env)
    clock.advance(days=3)
    _form(env, lead)
    settle(env)
    clock.advance(minutes=1)
    settle(env)
    assert len(journeys(env)) == 1
    assert len(events(env, "entry_repeated")) == 1
    assert due_keys(env, "waiting") == {}
    env.database.close()


def test_entry_that_the_last_step_of_the_journey_causes_begins_after_it(
    tmp_path: Path, clock: ManualClock
) -> None:
    plan = scenario(p.StageMatch(stages=("mql",)), wait=3)
    first = plan.steps["first"].model_copy(update={"next": p.Target(step="down")})
    down = p.StageStep(id="down", stage="lead", next=p.Target(step="up"))
    up = p.StageStep(id="up", stage="mql", next=p.Target(exit="completed"))
    steps = {"first": first, "down": down, "up": up}
    env = world(tmp_path, clock, plan.model_copy(update={"steps": steps}))
    _move(env, add_lead(env), "mql")
    settle(env)
    clock.advance(days=3)
    settle(env)
    assert [row.outcome for row in journeys(env)] == ["completed"]
    clock.advance(minutes=1)
    settle(env)
    assert [row.outcome for row in journeys(env)] == ["completed", None]
    assert events(env, "entry_repeated") == []
    env.database.close()


def test_lead_that_is_handed_back_and_turns_mql_at_once_is_handed_over_again(
    tmp_path: Path, clock: ManualClock
) -> None:
    env = world(tmp_path, clock, make_plans()["sales-handoff"])
    lead = add_lead(env)
    _move(env, lead, "mql")
    settle(env)
    (offer,) = events(env, "handed_off")
    report(
        env, "handoff_rejected", lead_id=lead, source="sales", trust="verified",
        properties={"offer": offer.properties["offer"], "reason": "no_budget"},
    )  # fmt: skip
    _move(env, lead, "lead")
    _move(env, lead, "mql")  # the rejection is applied, the turn that ends the hand-off is not taken
    clock.advance(minutes=1)
    settle(env)
    clock.advance(minutes=1)
    settle(env)
    assert [row.outcome for row in journeys(env)] == ["rejected", None]
    assert len(events(env, "handed_off")) == 2
    env.database.close()


def _move(env: Environment, lead_id: str, stage: str) -> None:
    with env.database.write() as session:
        application = Application(session, env, lock_lead(session, lead_id), env.clock.now())
        application.apply_pending()
        application.move_stage(stage, None)
        application.settle()


# --- limits --------------------------------------------------------------------------------------

TWO_A_DAY = p.Frequency(count=2, per=days(1))


def test_limit_gives_out_places_in_order_and_loses_nobody(tmp_path: Path, clock: ManualClock) -> None:
    env = world(tmp_path, clock, scenario(FORM, limit=TWO_A_DAY))
    leads = [add_lead(env) for _ in range(5)]
    for lead in leads:
        _form(env, lead)
        apply_once(env)
    assert [row.lead_id for row in journeys(env)] == leads[:2]
    assert _why(env, add_lead(env), form="contact") == "limit"
    clock.instant = datetime(2026, 11, 16, 14, 59, tzinfo=UTC)  # 23:59 in Tokyo
    settle(env)
    assert len(journeys(env)) == 2
    clock.advance(minutes=1)
    settle(env)
    assert [row.lead_id for row in journeys(env)] == leads[:4]
    clock.advance(days=1)
    settle(env)
    assert [row.lead_id for row in journeys(env)] == leads
    forms = {event.lead_id: event.id for event in events(env, "form_submitted")}
    assert [row.cause_event_id for row in journeys(env)] == [forms[lead] for lead in leads]
    env.database.close()


def test_limit_gives_one_place_to_a_lead_that_asks_again(tmp_path: Path, clock: ManualClock) -> None:
    env = world(tmp_path, clock, scenario(FORM, limit=p.Frequency(count=1, per=days(1))))
    first, second, third = (add_lead(env) for _ in range(3))
    for lead in (first, second, second, second, third):
        _form(env, lead)
        apply_once(env)
    clock.advance(days=2)
    settle(env)
    assert [row.lead_id for row in journeys(env)] == [first, second, third]
    env.database.close()


def test_limit_does_not_count_who_may_not_enter(tmp_path: Path, clock: ManualClock) -> None:
    vip = condition('"vip" in lead.tags', lead__tags="texts")
    env = world(tmp_path, clock, scenario(FORM, limit=TWO_A_DAY, audience=vip))
    for tags in ([], [], ["vip"], [], ["vip"]):
        _form(env, add_lead(env, tags=tags))
    settle(env)
    assert len(journeys(env)) == 2
    env.database.close()


def test_limit_asks_again_when_the_place_comes(tmp_path: Path, clock: ManualClock) -> None:
    dormant = scenario(p.InactiveMatch(after=days(90)), limit=p.Frequency(count=1, per=days(1)))
    env = world(tmp_path, clock, dormant)
    leads = [add_lead(env) for _ in range(3)]
    clock.advance(days=90)
    settle(env)
    assert len(journeys(env)) == 1
    awake = next(lead for lead in leads if lead != journeys(env)[0].lead_id)
    _view(env, awake)  # no longer inactive
    clock.advance(days=3)
    settle(env)
    assert len(journeys(env)) == 2
    assert awake not in {row.lead_id for row in journeys(env)}
    env.database.close()


def test_limit_waits_for_members_only(tmp_path: Path, clock: ManualClock) -> None:
    vip = segment(condition('"vip" in lead.tags', lead__tags="texts"))
    plan = scenario(p.SegmentMatch(segment="vip"), limit=p.Frequency(count=1, per=days(1)))
    env = world(tmp_path, clock, plan, segments={"vip": vip})
    first, second = add_lead(env, tags=["vip"]), add_lead(env, tags=["vip"])
    touch(env, second, tags=[])
    clock.advance(days=2)
    settle(env)
    assert [row.lead_id for row in journeys(env)] == [first]
    env.database.close()


# --- at once, on both databases ------------------------------------------------------------------


def _at_once(*works: Callable[[], object]) -> None:
    with ThreadPoolExecutor(len(works)) as threads:
        for future in [threads.submit(work) for work in works]:
            future.result()


def test_limit_is_kept_by_many_workers(tmp_path: Path, clock: ManualClock, url: str) -> None:
    env = world(tmp_path, clock, scenario(FORM, limit=p.Frequency(count=5, per=days(1))), url=url)
    leads = [add_lead(env) for _ in range(16)]
    for lead in leads:
        _form(env, lead)
    _at_once(*(lambda lead=lead: apply_lead(env, lead) for lead in leads))
    assert len(journeys(env)) == 5
    for total in (10, 15, 16):
        clock.advance(days=1)
        settle(env)
        assert len(journeys(env)) == total
    assert {row.lead_id for row in journeys(env)} == set(leads)
    env.database.close()


def test_people_who_act_at_once_make_one_journey(tmp_path: Path, clock: ManualClock, url: str) -> None:
    """Two transactions that overlap: the second one waits for the company, and sees the first."""
    env = world(tmp_path, clock, scenario(VIEW, per="company", people=2, within=days(14)), url=url)
    first, second, head = _people(env, 1, 2, 90)
    _view(env, first)
    _view(env, second)
    with ThreadPoolExecutor(1) as threads:
        with env.database.write() as session:
            Application(session, env, lock_lead(session, first), env.clock.now()).apply_pending()
            colleague = threads.submit(lambda: apply_lead(env, second))
            wait([colleague], timeout=1)
        colleague.result()
    settle(env)
    assert [row.lead_id for row in journeys(env)] == [head]
    env.database.close()


def test_company_record_entered_by_colleagues_at_once_has_one_journey(
    tmp_path: Path, clock: ManualClock, url: str
) -> None:
    env = world(tmp_path, clock, scenario(MANUAL, per="contract"), url=url)
    leads = _people(env, 1, 2, 3, 4)
    _at_once(*(lambda lead=lead: _ask(env, lead, record="C-1") for lead in leads))
    settle(env)
    assert len(journeys(env)) == 1
    assert len(events(env, "entry_repeated")) == 3
    assert {event.parked for event in events(env, "enrol_requested")} == {None}
    env.database.close()
