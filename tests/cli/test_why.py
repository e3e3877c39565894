"""`leadloop why`: each turn with its cause and what conditions saw, and why not elsewhere."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import Session
from typer.testing import CliRunner

from leadloop.cli.explanations import describe_match, explain_lead
from leadloop.cli.main import app
from leadloop.cli.why import lines_of
from leadloop.language import plan as p
from leadloop.leads.consent import record_refusal
from leadloop.storage.environment import Environment
from leadloop.storage.publications import publish
from leadloop.storage.tables import (
    Call,
    CallStatus,
    Due,
    Enrolment,
    ExperimentDraw,
    ExperimentWinner,
    Lead,
    Message,
    MessageStatus,
    Record,
    TopicSuppression,
)
from tests.factories import make_environment, make_lead, make_plans, make_publication, make_workspace
from tests.inbox.driver import journeys, mails, report, settle

ADDRESS = "yamada@example.jp"
RECORDS = {"estimate": p.RecordKind(of="lead", fields={"amount": p.FieldSpec(type="int")})}


def why(env: Environment) -> str:
    """Return what the command prints of the lead."""
    with env.database.read() as session:
        lead_id = find(session).id
        return "\n".join(lines_of(explain_lead(session, env, lead_id)))


def find(session: Session) -> Lead:
    from sqlmodel import select

    return session.exec(select(Lead).where(Lead.email == ADDRESS)).one()


def enter(env: Environment) -> None:
    report(env, "form_submitted", email=ADDRESS, properties={"form": "whitepaper"}, source="form")
    settle(env)


def test_why_tells_each_turn_with_its_cause(published: Environment) -> None:
    enter(published)
    report(published, "email_clicked", email=ADDRESS, message_id=mails(published)[0].id, source="tracking")
    settle(published)
    result = CliRunner().invoke(app, ["why", ADDRESS])
    assert result.exit_code == 0, result.output
    text = result.stdout
    assert "times in Asia/Tokyo" in text
    assert "turn 1  2026-11-16 10:00  because it began" in text
    assert "turn 2  2026-11-16 10:00  because its message was sent" in text
    assert "read: await, until 2026-11-21 10:00" in text
    assert "because of email_clicked (event " in text
    assert "read: await, branch 1, event email_clicked" in text
    assert "whitepaper-nurture  資料ダウンロード後の育成: ended completed 2026-11-16 10:00" in text


def test_why_tells_what_an_open_journey_waits_for(published: Environment) -> None:
    enter(published)
    assert "waits for email_clicked of thanks; next due 2026-11-21 10:00" in why(published)


def test_why_as_json_has_the_same(published: Environment) -> None:
    enter(published)
    result = CliRunner().invoke(app, ["why", ADDRESS, "--json"])
    found = json.loads(result.stdout)
    (journey,) = found["journeys"]
    assert [turn["cause"]["kind"] for turn in journey["turns"]] == ["start", "message"]
    assert journey["waiting"]["for"] == ["email_clicked of thanks"]
    assert journey["waiting"]["due_at"] == "2026-11-21T01:00:00+00:00"


def test_why_shows_the_values_a_condition_saw(tmp_path: object) -> None:
    env = with_plan(
        tmp_path,
        goal=(),
        first="size",
        steps={
            "size": p.IfStep(
                id="size",
                condition=p.Expression(
                    source="lead.employees >= 100 && lead.score.engagement >= 10",
                    variables={"lead.employees": "int", "lead.score.engagement": "int"},
                ),
                then=p.Target(exit="large"),
                otherwise=p.Target(exit="small"),
            )
        },
    )
    enter(env)
    assert "size: if is false (lead.employees unknown, lead.score.engagement 0)" in why(env)
    assert "ended, outcome small" in why(env)


def test_why_tells_why_a_mail_was_not_sent(published: Environment) -> None:
    enter(published)
    with published.database.write() as session:
        message = session.get_one(Message, mails(published)[0].id)
        message.status, message.reason = MessageStatus.SKIPPED, "no_consent"
    assert "mail thanks (step thanks) skipped: no_consent" in why(published)


def test_why_tells_when_a_journey_is_held_or_ended_from_outside(published: Environment) -> None:
    enter(published)
    journey = journeys(published)[0]
    with published.database.write() as session:
        row = session.get_one(Enrolment, journey.id)
        row.status, row.held_reason = "held", "condition of `read` failed"  # type: ignore[assignment]
    assert "資料ダウンロード後の育成: held (condition of `read` failed)" in why(published)
    with published.database.write() as session:
        row = session.get_one(Enrolment, journey.id)
        row.status, row.held_reason = "running", None  # type: ignore[assignment]
    report(published, "unsubscribed", email=ADDRESS, properties={"topic": "*"}, source="tracking")
    settle(published)
    text = why(published)
    assert "because it was ended: unsubscribed (refused *)" in text
    assert "mails of topic nurture would be skipped: unsubscribed" in text


def test_why_tells_what_other_scenarios_begin_with(published: Environment) -> None:
    text = why(published)
    assert (
        "  whitepaper-nurture  資料ダウンロード後の育成\n    begins with form_submitted form whitepaper"
        in text
    )
    assert "    begins with stage mql" in text


def with_plan(tmp_path: object, **changes: object) -> Environment:
    from pathlib import Path

    nurture = make_plans()["whitepaper-nurture"].model_copy(update=changes)
    env = make_environment(
        Path(str(tmp_path)),
        make_publication(workspace=make_workspace(records=RECORDS), plans={nurture.scenario: nurture}),
    )
    with env.database.write() as session:
        make_lead(session, env, email=ADDRESS, opt_in=True, stage="mql")
    return env


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        (
            {"audience": p.Expression(source="lead.country == 'JP'", variables={"lead.country": "text"})},
            "not in its audience: lead.country == 'JP' is unknown (lead.country unknown)",
        ),
        (
            {"audience": p.Expression(source="lead.stage == 'x'", variables={"lead.stage": "text"})},
            "not in its audience: lead.stage == 'x' is not true (lead.stage mql)",
        ),
        ({}, "its goal is met already: stage mql"),
        (
            {"exit_when": (p.WhenMatch(when=p.Expression(source="1 < 2", variables={})),)},
            "its exit condition is met already: 1 < 2",
        ),
    ],
)
def test_why_tells_what_keeps_a_lead_out(tmp_path: object, changes: dict[str, object], text: str) -> None:
    assert f"    {text}" in why(with_plan(tmp_path, **changes)).splitlines()


@pytest.mark.parametrize(
    ("reentry", "text"),
    [
        (p.Reentry(mode="never"), "reentry: never"),
        (p.Reentry(cooldown=p.Span(amount=90, unit="days")), "reentry from 2027-02-14 10:00"),
    ],
)
def test_why_tells_when_a_lead_may_enter_again(tmp_path: object, reentry: p.Reentry, text: str) -> None:
    env = with_plan(tmp_path, goal=(), reentry=reentry)
    enter(env)
    report(env, "email_clicked", email=ADDRESS, message_id=mails(env)[0].id, source="tracking")
    settle(env)
    assert "    ran before, ended completed" in why(env).splitlines()
    assert f"    {text}" in why(env).splitlines()


def test_why_counts_events_that_wait(published: Environment) -> None:
    report(published, "page_viewed", email=ADDRESS, properties={"path": "/x"})
    assert "1 events are not applied yet" in why(published)


def test_why_tells_a_refused_topic(published: Environment) -> None:
    with published.database.write() as session:
        record_refusal(session, find(session).id, "nurture", None, published.clock.now())
    assert "mails of topic nurture would be skipped: unsubscribed" in why(published)


@pytest.mark.parametrize(
    ("match", "text"),
    [
        (p.StageMatch(stages=("mql", "sal")), "stage mql or sal"),
        (p.EventMatch(event="email_clicked", of=("a", "b")), "email_clicked of a or b"),
        (
            p.EventMatch(event="page_viewed", properties=(p.PropertyMatch(name="path", prefix="/pricing"),)),
            "page_viewed path /pricing…",
        ),
        (
            p.EventMatch(event="deal_won", where=p.Expression(source="event.amount > 5", variables={})),
            "deal_won where event.amount > 5",
        ),
        (p.WhenMatch(when=p.Expression(source="lead.cycle > 1", variables={})), "lead.cycle > 1"),
    ],
)
def test_match_in_words(match: p.Matcher, text: str) -> None:
    assert describe_match(match) == text


# --- what the whole language brings ---------------------------------------------------------------


def test_why_names_records_calls_and_arms(published: Environment) -> None:
    enter(published)
    journey = journeys(published)[0]
    with published.database.write() as session:
        row = session.get_one(Enrolment, journey.id)
        row.record_key, row.locked_at, row.move_to = "s1", published.clock.now(), "finish"
        about = {"enrolment_id": row.id, "lead_id": row.lead_id, "scenario": row.scenario, "step_id": "hook"}
        calls: dict[str, Any] = {
            **about,
            "publication_id": row.publication_id,
            "visit": 1,
            "created_at": published.clock.now(),
            "to": "crm",
        }
        session.add(Call(call_key="a", kind="webhook", status=CallStatus.FAILED, code=404, reason="http_404",
                         attempts=3, **calls))  # fmt: skip
        session.add(Call(call_key="b", kind="webhook", status=CallStatus.DONE, sink=True, **calls))
        drawn: dict[str, Any] = {"scenario": row.scenario, "step_id": "issue", "round": "r"}
        session.add(ExperimentDraw(draw_key="d", enrolment_id=row.id, lead_id=row.lead_id, variant="a",
                                   drawn_at=published.clock.now(), **drawn))  # fmt: skip
        figures = {"arms": {"a": [20, 1], "b": [20, 9]}, "why": "not_significant"}
        session.add(ExperimentWinner(variant="b", figures=figures, decided_at=published.clock.now(), **drawn))
    lines = why(published).splitlines()
    assert "  for lead s1, which is not there" in lines
    assert "  call to crm (step hook) failed 404 (http_404) after 3 tries" in lines
    assert "  call to crm (step hook) done, noted here only: no address is set" in lines
    assert "  experiment issue: drawn for a; winner b (not significant; a 1 of 20, b 9 of 20)" in lines
    assert any("its clock stands still since 2026-11-16 10:00" in line for line in lines)
    assert "  ends after this step" in lines


def test_why_tells_segments_pauses_and_sales(published: Environment) -> None:
    with published.database.write() as session:
        lead = find(session)
        lead.segments, lead.in_sales = ["active", "newsletter"], True
        lift = [p.EventMatch(event="form_submitted").model_dump(mode="json")]
        session.add(
            TopicSuppression(suppression_key="k", lead_id=lead.id, topic="nurture", reason="sunset",
                             lift_on=lift, at=published.clock.now())
        )  # fmt: skip
    lines = why(published).splitlines()
    assert "in segments active, newsletter" in lines
    assert "in sales: nurture mail waits" in lines
    assert "topic nurture stopped by us (sunset) since 2026-11-16 10:00, lifted by form_submitted" in lines
    assert "    mails of topic nurture would be skipped: suppressed_topic" in lines


def test_why_tells_what_waits_and_what_comes(published: Environment) -> None:
    at = published.clock.now() + timedelta(days=1)
    with published.database.write() as session:
        lead_id = find(session).id
        for key, kind, detail in (
            ("1", "entry", {"record": "c1"}),
            ("2", "waiting", {"place": True}),
            ("3", "waiting", {"after": "e"}),
        ):  # fmt: skip
            session.add(Due(key=key, lead_id=lead_id, kind=kind, due_at=at,
                            detail={"scenario": "whitepaper-nurture", **detail}))  # fmt: skip
    lines = why(published).splitlines()
    assert "    its time comes 2026-11-17 10:00 for lead c1" in lines
    assert "    waits for a place under the limit: 2026-11-17 10:00" in lines
    assert "    waits until an open journey had its turn; looked at again 2026-11-17 10:00" in lines


def test_why_tells_that_a_company_or_a_record_is_missing(tmp_path: object) -> None:
    assert "    it runs for companies, and the lead has none" in why(
        with_plan(tmp_path, goal=(), per="company")
    )


def test_why_tells_of_each_record(tmp_path: object) -> None:
    env = with_plan(tmp_path, goal=(), per="estimate", audience=p.Expression(
        source="run.estimate.amount > 5", variables={"run.estimate.amount": "int"}))  # fmt: skip
    assert "    it runs per estimate, and the lead has none" in why(env)
    with env.database.write() as session:
        for key, amount in (("e1", 3), ("e2", 9)):
            session.add(Record(kind="estimate", key=key, lead_id=find(session).id, fields={"amount": amount},
                               created_at=env.clock.now(), updated_at=env.clock.now()))  # fmt: skip
    text = why(env)
    assert "    estimate e1: not in its audience: run.estimate.amount > 5 is not true" in text
    assert "estimate e2" not in text


def test_why_tells_which_journey_of_the_group_is_open(tmp_path: object) -> None:
    env = with_plan(tmp_path, goal=(), group="early")
    stored = env.publications.current().publication
    other = stored.plans["whitepaper-nurture"].model_copy(
        update={"scenario": "cards", "entry": (p.Entry(match=p.ManualMatch()),)}
    )
    with env.database.write() as session:
        publish(session, stored.model_copy(update={"plans": {**stored.plans, "cards": other}}), "tests",
                env.clock.now())  # fmt: skip
    enter(env)
    assert "    whitepaper-nurture of the same group early is open" in why(env)
