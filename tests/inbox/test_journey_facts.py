"""The facts of a journey: its entry, its record, its steps' results, its past."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from leadloop.conditions import SURROUNDINGS, EvaluationError, evaluate
from leadloop.inbox.apply import Application
from leadloop.inbox.facts import lead_facts
from leadloop.inbox.past import LeadPast
from leadloop.inbox.reads import company_scores_read
from leadloop.inbox.turns.journey_facts import concerns, entering_values, record_of
from leadloop.journey.fact_values import result_dates, result_facts
from leadloop.language import plan as p
from leadloop.leads.records import IncomingRecord, upsert_record
from leadloop.storage.database import lock_lead
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Enrolment, Event, Lead, LeadScore
from tests.factories import NOW, ManualClock, make_lead, make_publication, make_scoring, make_workspace
from tests.inbox.driver import journeys, mails, report, settle
from tests.inbox.seminars import (
    RECORD_EVENTS,
    RECORDS,
    STARTS,
    asked,
    environment,
    plan,
    put_seminar,
    reader,
    registered,
    when,
)

LONG = p.WaitSpec(span=p.Span(amount=300, unit="days"))
END = p.Target(exit="done")


def days(amount: int) -> p.Span:
    return p.Span(amount=amount, unit="days")


def waiting(match: Any, **branch: Any) -> p.AwaitStep:
    """Return an `await` of one branch that ends the journey as `met`."""
    return p.AwaitStep(
        id="hold",
        branches=(p.Branch(match=match, go=p.Target(exit="met"), **branch),),
        timeout=LONG,
        on_timeout=END,
    )


def register(env: Environment, key: str = "s1", email: str = "hanako@kaisha.example") -> Enrolment:
    result = report(env, "seminar_registered", email=email, properties={"seminar": key})
    settle(env)
    return next(row for row in journeys(env) if row.lead_id == result.lead_id and row.record_key == key)


def outcome(env: Environment, journey: Enrolment) -> str | None:
    return next(row.outcome for row in journeys(env) if row.id == journey.id)


# --- the record ---------------------------------------------------------------------------------


def test_a_journey_reads_its_record_as_it_is_now(tmp_path: Path, clock: ManualClock) -> None:
    env = environment(tmp_path, clock, plan(p.WaitStep(id="w", wait=LONG)))
    put_seminar(env)
    journey = register(env)
    put_seminar(env, title="製造業のDX応用")
    with env.database.write() as session:
        values = reader(env, session, journey).values
    assert values["run.seminar.key"] == "s1"
    assert values["run.seminar.title"] == "製造業のDX応用"
    assert values["run.seminar.starts_at"] == STARTS
    assert values["run.entry.seminar"] == "s1"


def test_a_record_that_nobody_reported_is_known_by_its_key_alone(tmp_path: Path, clock: ManualClock) -> None:
    env = environment(tmp_path, clock, plan(p.WaitStep(id="w", wait=LONG)))
    journey = register(env, "s9")
    with env.database.write() as session:
        values = reader(env, session, journey).values
    assert [name for name in values if name.startswith("run.seminar.")] == ["run.seminar.key"]


def test_a_goal_may_ask_for_the_record(tmp_path: Path, clock: ManualClock) -> None:
    ended = p.WhenMatch(when=when('run.contract.status == "ended"', run__contract__status="text"))
    contract = plan(
        p.WaitStep(id="w", wait=LONG),
        scenario="renewal",
        per="contract",
        entry=p.EventMatch(event="contract_renewed"),
        exit_when=(ended,),
    )
    env = environment(tmp_path, clock, contract)
    with env.database.write() as session:
        lead = make_lead(session, env, company="株式会社ベータ")
    put = IncomingRecord("contract", "K-1", {"status": "active"}, lead=lead.id)
    upsert_record(env, put)
    report(env, "contract_renewed", lead_id=lead.id, properties={"contract": "K-1"})
    settle(env)
    (journey,) = journeys(env)
    assert outcome(env, journey) is None
    upsert_record(env, IncomingRecord("contract", "K-1", {"status": "ended"}))
    settle(env)
    assert outcome(env, journey) == "exited"


def test_an_event_of_another_record_does_not_count(tmp_path: Path, clock: ManualClock) -> None:
    env = environment(tmp_path, clock, plan(waiting(registered("event_attended"))))
    first, second = register(env, "s1"), register(env, "s2")
    report(env, "event_attended", lead_id=first.lead_id, properties={"seminar": "s2"})
    settle(env)
    assert (outcome(env, first), outcome(env, second)) == (None, "met")
    report(env, "event_attended", lead_id=first.lead_id)  # it could name a seminar, and does not
    settle(env)
    assert outcome(env, first) is None


def test_a_goal_by_event_counts_for_its_own_record_only(tmp_path: Path, clock: ManualClock) -> None:
    attended = registered("event_attended")
    env = environment(tmp_path, clock, plan(p.WaitStep(id="w", wait=LONG), goal=(attended,)))
    first, second = register(env, "s1"), register(env, "s2")
    report(env, "event_attended", lead_id=first.lead_id, properties={"seminar": "s1"})
    settle(env)
    assert (outcome(env, first), outcome(env, second)) == ("goal", None)


@pytest.mark.parametrize(
    ("event_type", "properties", "named"),
    [
        ("seminar_registered", {"seminar": "s1"}, "s1"),
        ("seminar_registered", {}, None),
        ("record_changed", {"record": "seminar", "key": "s1", "field": "title"}, "s1"),
        ("record_changed", {"record": "contract", "key": "s1", "field": "status"}, None),
        ("enrol_requested", {"scenario": "seminar", "record": "s1"}, "s1"),
        ("entry_due", {"scenario": "other", "record": "s1"}, None),
        ("page_viewed", {"path": "s1"}, None),
    ],
)
def test_the_record_an_event_names(event_type: str, properties: dict[str, Any], named: str | None) -> None:
    workspace = make_workspace(records=RECORDS, events=RECORD_EVENTS)
    event = Event(
        subject_id="l", type=event_type, properties=properties, source="api", occurred_at=NOW, received_at=NOW
    )
    seminar = plan(p.WaitStep(id="w", wait=LONG))
    assert record_of(seminar, event, workspace) == named
    assert record_of(seminar.model_copy(update={"per": "lead"}), event, workspace) is None
    assert concerns(seminar, "s2", event, workspace) is (named is None and event_type != "seminar_registered")


def test_a_journey_that_begins_reads_its_record(tmp_path: Path, clock: ManualClock) -> None:
    seminar = plan(p.WaitStep(id="w", wait=LONG))
    env = environment(tmp_path, clock, seminar)
    put_seminar(env)
    with env.database.write() as session:
        lead = make_lead(session, env)
        event = Event(
            subject_id=lead.id,
            type="seminar_registered",
            properties={"seminar": "s1"},
            source="api",
            occurred_at=NOW,
            received_at=NOW,
        )
        application = Application(session, env, lock_lead(session, lead.id), NOW)
        values = entering_values(application, seminar, event, "s1")
    assert values["run.seminar.starts_at"] == STARTS
    assert values["run.entry.seminar"] == "s1"
    assert (values["run.cycle"], values["run.entered_at"]) == (0, NOW)


# --- results ------------------------------------------------------------------------------------


def test_results_are_facts_with_underscores_and_dates_are_instants() -> None:
    results = {"no-show": {"status": "sent"}, "call": {"outcome": "absent", "date": "2026-12-01"}}
    facts = result_facts(results, ZoneInfo("Asia/Tokyo"))
    assert facts == {
        "run.no_show.status": "sent",
        "run.call.outcome": "absent",
        "run.call.date": datetime(2026, 11, 30, 15, 0, tzinfo=UTC),
    }
    assert result_dates(results) == {"run.call.date": "2026-12-01"}


def test_a_step_may_ask_which_branch_an_await_took(tmp_path: Path, clock: ManualClock) -> None:
    step = p.AwaitStep(
        id="first-wait",
        branches=(
            p.Branch(match=registered("survey_answered"), go=p.Target(step="look")),
            p.Branch(match=registered("event_attended"), go=p.Target(step="look")),
        ),
        timeout=LONG,
        on_timeout=END,
    )
    look = p.IfStep(
        id="look",
        condition=when("run.first_wait.branch == 2", run__first_wait__branch="int"),
        then=p.Target(exit="second"),
        otherwise=p.Target(exit="first"),
    )
    env = environment(tmp_path, clock, plan(step, look))
    journey = register(env)
    report(env, "event_attended", lead_id=journey.lead_id, properties={"seminar": "s1"})
    settle(env)
    assert outcome(env, journey) == "second"


# --- the past -----------------------------------------------------------------------------------


def test_did_counts_within_a_time_and_different_values(tmp_path: Path, clock: ManualClock) -> None:
    env = environment(tmp_path, clock, plan(p.WaitStep(id="w", wait=LONG)))
    lead_id = register(env).lead_id
    view = p.EventMatch(event="page_viewed", properties=(p.PropertyMatch(name="path", prefix="/pricing"),))
    for day, path in ((0, "/pricing/a"), (1, "/pricing/a"), (2, "/about"), (3, "/pricing/b")):
        clock.instant = NOW + timedelta(days=day)
        report(env, "page_viewed", lead_id=lead_id, properties={"path": path})
        settle(env)
    with env.database.write() as session:
        past = _past(env, session, lead_id)
        assert past.did(p.Did(match=view, at_least=3))
        assert not past.did(p.Did(match=view, at_least=4))
        assert past.did(p.Did(match=view, at_least=2, distinct="path"))
        assert not past.did(p.Did(match=view, at_least=3, distinct="path"))
        assert past.did(p.Did(match=view, within=days(1)))
        assert not past.did(p.Did(match=view, within=days(1), at_least=2))


def test_did_may_ask_with_a_condition_on_the_event(tmp_path: Path, clock: ManualClock) -> None:
    env = environment(tmp_path, clock, plan(p.WaitStep(id="w", wait=LONG)))
    lead_id = register(env).lead_id
    report(env, "page_viewed", lead_id=lead_id, properties={"path": "/", "seconds": 40})
    settle(env)
    with env.database.write() as session:
        past = _past(env, session, lead_id)
        for least, truth in ((30, True), (60, False)):
            where = when(f"event.seconds > {least}", event__seconds="int")
            assert past.did(p.Did(match=p.EventMatch(event="page_viewed", where=where))) is truth


def test_the_past_of_a_lead_says_when_its_answer_will_change(tmp_path: Path, clock: ManualClock) -> None:
    env = environment(tmp_path, clock, plan(p.WaitStep(id="w", wait=LONG)))
    lead_id = register(env).lead_id
    view = p.EventMatch(event="page_viewed")
    for day in (0, 5):
        clock.instant = NOW + timedelta(days=day)
        report(env, "page_viewed", lead_id=lead_id, properties={"path": "/"})
        settle(env)
    once = p.Did(match=view, within=days(30))
    twice = p.Did(match=view, within=days(30), at_least=2)
    with env.database.write() as session:
        past = _past(env, session, lead_id)
        changes = {at_least: past.next_change(asked) for at_least, asked in ((1, once), (2, twice))}
        assert past.next_change(p.Did(match=view)) is None
        assert past.next_change(p.Did(match=view, within=days(30), at_least=3)) is None
    assert changes[2] is not None
    assert changes[1] is not None
    assert changes[2] - (NOW + timedelta(days=30)) < timedelta(seconds=1)
    assert changes[1] - (NOW + timedelta(days=35)) < timedelta(seconds=1)
    for question, at in ((twice, changes[2]), (once, changes[1])):
        clock.instant = at - timedelta(microseconds=1)
        with env.database.write() as session:
            assert _past(env, session, lead_id).did(question)
        clock.instant = at
        with env.database.write() as session:
            assert not _past(env, session, lead_id).did(question)


def test_a_month_back_from_a_short_month_ends_when_counting_back_says_so(
    tmp_path: Path, clock: ManualClock
) -> None:
    clock.instant = datetime(2027, 1, 31, 3, 0, tzinfo=UTC)
    env = environment(tmp_path, clock, plan(p.WaitStep(id="w", wait=LONG)))
    lead_id = register(env).lead_id
    question = p.Did(match=registered(), within=p.Span(amount=1, unit="months"))
    with env.database.write() as session:
        at = _past(env, session, lead_id).next_change(question)
    assert at is not None
    for instant, truth in ((at - timedelta(hours=1, seconds=1), True), (at, False)):
        clock.instant = instant
        with env.database.write() as session:
            assert _past(env, session, lead_id).did(question) is truth


def test_since_needs_a_journey(tmp_path: Path, clock: ManualClock) -> None:
    env = environment(tmp_path, clock, plan(p.WaitStep(id="w", wait=LONG)))
    lead_id = register(env).lead_id
    with env.database.write() as session, pytest.raises(EvaluationError, match="journey"):
        _past(env, session, lead_id).did(p.Did(match=registered(), since="entry"))


def test_since_entry_and_since_a_step_count_from_there(tmp_path: Path, clock: ManualClock) -> None:
    first = waiting(registered("survey_answered"))
    first = first.model_copy(
        update={"branches": (first.branches[0].model_copy(update={"go": p.Target(step="w")}),)}
    )
    env = environment(tmp_path, clock, plan(first, p.WaitStep(id="w", wait=LONG)))
    with env.database.write() as session:
        lead_id = make_lead(session, env, email="jiro@kaisha.example").id
    view = p.EventMatch(event="page_viewed")

    def look(path: str) -> None:
        report(env, "page_viewed", lead_id=lead_id, properties={"path": path})
        settle(env)

    look("/before")
    journey = register(env, email="jiro@kaisha.example")

    def did(**question: Any) -> bool:
        with env.database.write() as session:
            facts = reader(env, session, journey).values
            return evaluate(asked(p.Did(match=view, **question)), facts).truth is True

    assert (did(), did(since="entry")) == (True, False)
    look("/after")
    assert (did(since="entry"), did(since="w")) == (True, False)
    report(env, "survey_answered", lead_id=lead_id, properties={"seminar": "s1"})
    settle(env)
    assert (did(since="entry"), did(since="w")) == (True, False)
    look("/at-last")
    assert (did(since="w"), did(since="w", at_least=2)) == (True, False)
    assert did(since="entry", at_least=2)


def test_since_a_step_of_this_very_turn_counts_from_now(tmp_path: Path, clock: ManualClock) -> None:
    view = p.EventMatch(event="page_viewed")
    gate = p.IfStep(
        id="gate",
        condition=asked(p.Did(match=view, since="gate")),
        then=p.Target(exit="wrong"),
        otherwise=p.Target(exit="right"),
    )
    twice = p.IfStep(
        id="twice",
        condition=asked(p.Did(match=view, since="mark")),
        then=p.Target(step="gate"),
        otherwise=p.Target(exit="wrong"),
    )
    mark = p.AwaitStep(
        id="mark",
        branches=(p.Branch(match=view, go=p.Target(step="twice")),),
        timeout=LONG,
        on_timeout=END,
    )
    env = environment(tmp_path, clock, plan(mark, twice, gate))
    journey = register(env)
    report(env, "page_viewed", lead_id=journey.lead_id, properties={"path": "/"})
    settle(env)
    assert outcome(env, journey) == "right"


def test_did_of_a_send_counts_this_journeys_mails_only(tmp_path: Path, clock: ManualClock) -> None:
    send = p.SendStep(
        id="mail",
        template="thanks",
        topic="service",
        on_skip=END,
        on_fail=END,
        next=p.Target(step="w"),
    )
    env = environment(tmp_path, clock, plan(send, p.WaitStep(id="w", wait=LONG)))
    first, second = register(env, "s1"), register(env, "s2")
    (mail,) = [one for one in mails(env) if one.enrolment_id == first.id]
    report(env, "email_clicked", lead_id=first.lead_id, message_id=mail.id, source="tracking")
    settle(env)
    question = asked(p.Did(match=p.EventMatch(event="email_clicked", of=("mail",))))
    with env.database.write() as session:
        truths = [evaluate(question, reader(env, session, row).values).truth for row in (first, second)]
        alone = lead_facts(
            session, env.publications.current(session).publication, session.get_one(Lead, first.lead_id), NOW
        )
    assert truths == [True, False]
    assert "lead.segments" in alone


def test_did_in_a_journey_leaves_out_other_records(tmp_path: Path, clock: ManualClock) -> None:
    env = environment(tmp_path, clock, plan(p.WaitStep(id="w", wait=LONG)))
    first, second = register(env, "s1"), register(env, "s2")
    report(env, "event_attended", lead_id=first.lead_id, properties={"seminar": "s2"})
    settle(env)
    question = asked(p.Did(match=registered("event_attended")))
    with env.database.write() as session:
        truths = [evaluate(question, reader(env, session, row).values).truth for row in (first, second)]
    assert truths == [False, True]


def test_a_waiting_condition_may_ask_for_the_past_and_the_record(tmp_path: Path, clock: ManualClock) -> None:
    condition = p.Expression(
        source='did.q && run.seminar.key == "s1"',
        variables={"did.q": "bool", "run.seminar.key": "text"},
        did={"did.q": p.Did(match=registered("survey_answered"), since="entry")},
    )
    env = environment(tmp_path, clock, plan(waiting(p.WhenMatch(when=condition))))
    first, second = register(env, "s1"), register(env, "s2")
    report(env, "survey_answered", lead_id=first.lead_id, properties={"seminar": "s1"})
    settle(env)
    assert (outcome(env, first), outcome(env, second)) == ("met", None)


def test_a_branch_may_look_back_to_the_entry(tmp_path: Path, clock: ManualClock) -> None:
    pause = p.WaitStep(id="pause", wait=p.WaitSpec(span=days(1)), next=p.Target(step="hold"))
    match = registered("survey_answered")
    for since, expected in (("entry", "met"), ("pause", "met"), (None, None)):
        env = environment(tmp_path / str(since), clock, plan(pause, waiting(match, since=since)))
        journey = register(env)
        report(env, "survey_answered", lead_id=journey.lead_id, properties={"seminar": "s1"})
        settle(env)
        clock.advance(days=2)
        settle(env)
        assert outcome(env, journey) == expected
        env.database.close()


def test_opening_hours_are_asked_in_the_leads_zone(tmp_path: Path, clock: ManualClock) -> None:
    env = environment(tmp_path, clock, plan(p.WaitStep(id="w", wait=LONG)))
    lead_id = register(env).lead_id
    with env.database.write() as session:
        assert _past(env, session, lead_id).is_open("office")  # Monday, 10:00 in Tokyo
        lead = session.get_one(Lead, lead_id)
        lead.timezone = "America/New_York"
        session.flush()
        assert not _past(env, session, lead_id).is_open("office")
        with pytest.raises(EvaluationError, match="no such calendar"):
            _past(env, session, lead_id).is_open("factory")


# --- companies ----------------------------------------------------------------------------------


def test_a_companys_score_is_a_fact_only_where_an_expression_reads_it(
    tmp_path: Path, clock: ManualClock
) -> None:
    reads = plan(
        p.WaitStep(id="w", wait=LONG),
        audience=when("lead.company.score.engagement >= 40", lead__company__score__engagement="int"),
    )
    for name, one, expected in (("reads", reads, 42), ("not", plan(p.WaitStep(id="w", wait=LONG)), None)):
        env = environment(tmp_path / name, clock, one, scoring=make_scoring())
        with env.database.write() as session:
            taro = make_lead(session, env, company="株式会社ベータ")
            hanako = make_lead(session, env, company_id=taro.company_id)
            other = make_lead(session, env, company="別会社")
            for lead, points in ((taro, 12), (hanako, 30), (other, 99)):
                session.add(LeadScore(lead_id=lead.id, model="engagement", points=points, read_at=NOW))
            session.flush()
            facts = lead_facts(session, env.publications.current(session).publication, taro, NOW)
        assert facts.get("lead.company.score.engagement") == expected
        env.database.close()


def test_the_usual_publication_still_reads_no_company_score() -> None:
    assert company_scores_read(make_publication()) == frozenset()


def _past(env: Environment, session: Any, lead_id: str) -> LeadPast:
    """Return the lead-level past, as conditions outside a journey ask it."""
    publication = env.publications.current(session).publication
    past = lead_facts(session, publication, session.get_one(Lead, lead_id), env.clock.now())[SURROUNDINGS]
    assert isinstance(past, LeadPast)
    return past
