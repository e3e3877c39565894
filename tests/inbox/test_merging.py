"""Two leads that turn out to be one person."""

from __future__ import annotations

import pytest
from sqlmodel import col, select

from leadloop.inbox.applier import apply_once
from leadloop.inbox.doctor import examine
from leadloop.inbox.erasure import erase_lead
from leadloop.inbox.merging import merge_leads
from leadloop.inbox.operations.log import Caller, OperationError
from leadloop.leads.consent import may_mail
from leadloop.leads.identity import find_lead
from leadloop.storage.columns import new_id
from leadloop.storage.environment import Environment
from leadloop.storage.tables import (
    Deal,
    EnrolmentStatus,
    Event,
    Identity,
    Lead,
    LeadScore,
    MessageStatus,
    Operation,
)
from tests.factories import NOW, make_lead
from tests.inbox.driver import journeys, mails, report, settle

BY = Caller("tests", "the same person")


def enter(env: Environment, email: str, **identity: object) -> str:
    """Somebody asks for the paper, permits mail, and looks at prices."""
    result = report(
        env,
        "form_submitted",
        email=email,
        properties={"form": "whitepaper"},
        identity={"consent": True, **identity},
        source="form",
        trust="verified",
    )
    settle(env)
    assert result.lead_id is not None
    report(env, "page_viewed", lead_id=result.lead_id, properties={"path": "/pricing"})
    settle(env)
    return result.lead_id


def lead(env: Environment, lead_id: str) -> Lead:
    with env.database.read() as session:
        return session.get_one(Lead, lead_id)


def points(env: Environment, lead_id: str) -> dict[str, int]:
    with env.database.read() as session:
        return {
            row.model: row.points
            for row in session.exec(select(LeadScore).where(LeadScore.lead_id == lead_id)).all()
        }


def allowed(env: Environment, lead_id: str, topic: str = "nurture") -> bool:
    workspace = env.publications.current().publication.workspace
    with env.database.read() as session:
        row = session.get_one(Lead, lead_id)
        return may_mail(session, env, row, topic, workspace, env.clock.now()).allowed


def broken(env: Environment) -> list[str]:
    return [problem for check in examine(env).checks for problem in check.problems]


def test_merge_ends_the_others_journeys_and_keeps_its_past(env: Environment) -> None:
    kept = enter(env, "hanako@kaisha.example", family_name="山田")
    other = enter(env, "hanako@private.example", job_title="部長", family_name="佐藤")
    with env.database.write() as session:
        session.add(Deal(id="d1", lead_id=other, opened_at=env.clock.now()))
    both = {name: points(env, kept)[name] + value for name, value in points(env, other).items()}
    done = merge_leads(env, kept, other, BY)
    settle(env)
    (first, second) = journeys(env)
    assert (first.status, first.lead_id) == (EnrolmentStatus.RUNNING, kept)
    assert (second.status, second.outcome, second.end_reason) == (EnrolmentStatus.ENDED, "exited", "merged")
    assert (second.lead_id, second.subject_key) == (kept, kept)
    assert done.journeys_ended == ("whitepaper-nurture",)
    assert (lead(env, kept).family_name, lead(env, kept).job_title) == ("山田", "部長")
    assert "job_title" in done.fields
    assert lead(env, other).merged_into == kept
    assert {name: points(env, kept)[name] for name in both} == both
    assert points(env, other) == {}
    with env.database.read() as session:
        assert session.get_one(Deal, "d1").lead_id == kept
        rows = session.exec(select(Event).order_by(col(Event.lead_seq))).all()
        assert {row.lead_id for row in rows} == {kept}
        assert {row.subject_id for row in rows if (row.lead_seq or 0) <= 0} == {other}  # as it was reported
        found = find_lead(session, env, "hanako@private.example")
        operation = session.exec(select(Operation).where(Operation.action == "merge")).one()
    assert found is not None
    assert found.id == kept
    assert (operation.by, operation.reason) == ("tests", "the same person")
    assert (operation.detail["lead_id"], operation.detail["merged"]) == (kept, other)
    assert {message.lead_id for message in mails(env)} == {kept}
    assert not [one for one in mails(env) if one.status in (MessageStatus.NEW, MessageStatus.HELD)]
    assert broken(env) == []


def test_merged_person_is_met_by_either_address_and_enters_no_second_time(env: Environment) -> None:
    kept, other = enter(env, "a@kaisha.example"), enter(env, "b@kaisha.example")
    merge_leads(env, kept, other, BY)
    found = report(env, "page_viewed", email="b@kaisha.example", properties={"path": "/"})
    assert found.lead_id == kept
    assert report(env, "page_viewed", lead_id=other, properties={"path": "/"}).lead_id == kept
    report(env, "form_submitted", email="b@kaisha.example", properties={"form": "whitepaper"})
    settle(env)
    assert len(journeys(env)) == 2
    assert broken(env) == []


def test_event_accepted_for_the_other_one_while_they_are_merged_is_applied(env: Environment) -> None:
    kept, other = enter(env, "a@kaisha.example"), enter(env, "b@kaisha.example")
    merge_leads(env, kept, other, BY)
    event_id = new_id()
    with env.database.write() as session:  # by an ingest that found the other one before the merge
        session.add(
            Event(
                id=event_id, subject_id=other, type="page_viewed", properties={"path": "/"}, source="api",
                occurred_at=NOW, received_at=env.clock.now(),
            )
        )  # fmt: skip
    assert apply_once(env) == 1
    with env.database.read() as session:
        row = session.get_one(Event, event_id)
    assert (row.lead_id, row.parked) == (kept, None)
    assert (row.lead_seq or 0) > 0


def test_refusal_of_either_one_holds(env: Environment) -> None:
    kept, other = enter(env, "a@kaisha.example"), enter(env, "b@kaisha.example")
    report(env, "unsubscribed", lead_id=other, properties={"topic": "nurture"})
    settle(env)
    assert allowed(env, kept)
    done = merge_leads(env, kept, other, BY)
    assert done.refusals == ("nurture",)
    assert not allowed(env, kept)


@pytest.mark.parametrize(("own", "expected"), [("own@kaisha.example", False), (None, True)])
def test_permissions_come_only_with_the_address(env: Environment, own: str | None, expected: bool) -> None:
    with env.database.write() as session:
        kept = make_lead(session, env, email=own, opt_in=False).id
    other = enter(env, "b@kaisha.example")
    done = merge_leads(env, kept, other, BY)
    assert (done.permissions > 0) == expected
    assert allowed(env, kept) == expected
    assert (lead(env, kept).email == "b@kaisha.example") == expected


def test_merge_rehearsed_changes_nothing(env: Environment) -> None:
    kept, other = enter(env, "a@kaisha.example"), enter(env, "b@kaisha.example")
    before = points(env, kept)
    done = merge_leads(env, kept, other, Caller("tests", dry_run=True))
    assert done.journeys_ended == ("whitepaper-nurture",)
    assert done.events >= 2
    assert lead(env, other).merged_into is None
    assert [one.status for one in journeys(env)] == [EnrolmentStatus.RUNNING] * 2
    assert points(env, kept) == before
    with env.database.read() as session:
        assert session.exec(select(Operation)).all() == []


def test_merging_twice_or_what_cannot_be_merged_is_refused(env: Environment) -> None:
    kept, other, third = (enter(env, f"{name}@kaisha.example") for name in "abc")
    with pytest.raises(OperationError, match="itself"):
        merge_leads(env, kept, kept, BY)
    with pytest.raises(OperationError, match="there is no lead"):
        merge_leads(env, kept, "nobody", BY)
    merge_leads(env, kept, other, BY)
    with pytest.raises(OperationError, match=f"merged into {kept}"):
        merge_leads(env, third, other, BY)
    merge_leads(env, third, kept, BY)  # a chain
    assert report(env, "page_viewed", email="b@kaisha.example", properties={"path": "/"}).lead_id == third
    settle(env)
    assert broken(env) == []
    erase_lead(env, third, "tests")
    with env.database.read() as session:
        assert {row.erased_at is not None for row in session.exec(select(Lead)).all()} == {True}
        merges = session.exec(select(Operation).where(Operation.action == "merge")).all()
        assert [row.reason for row in merges] == ["", ""]
        assert {row.lead_id for row in session.exec(select(Identity)).all()} == {kept, other, third}
    with env.database.write() as session:
        fourth = make_lead(session, env)
    with pytest.raises(OperationError, match="erased"):
        merge_leads(env, fourth.id, third, BY)


def test_lead_with_sales_is_not_merged_away(env: Environment) -> None:
    kept = enter(env, "a@kaisha.example")
    with env.database.write() as session:
        other = make_lead(session, env, in_sales=True).id
    with pytest.raises(OperationError, match="sales works"):
        merge_leads(env, kept, other, BY)
    merge_leads(env, other, kept, BY)
    assert lead(env, other).in_sales
