"""Tasks: who gets them and how they end."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import Session

from leadloop.sales import tasks
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Lead, Task, TaskStatus
from tests.factories import NOW, make_enrolment, make_lead
from tests.sales.test_deals import tell


def make_task(session: Session, env: Environment, lead: Lead) -> Task:
    journey = make_enrolment(session, env.publications.current(session).id, lead)
    return tasks.create_task(
        session,
        lead,
        enrolment_id=journey.id,
        step_id="call",
        visit=1,
        task_key="t1",
        type="call",
        title="電話する",
        assignee="sato@acme.example",
        outcomes=("connected", "absent"),
        due_at=NOW + timedelta(minutes=15),
        now=NOW,
    )


def test_create_task_with_the_same_key_returns_the_same_task(env: Environment) -> None:
    with env.database.write() as session:
        lead = make_lead(session)
        task = make_task(session, env, lead)
        again = tasks.create_task(
            session,
            lead,
            enrolment_id=task.enrolment_id,
            step_id="call",
            visit=1,
            task_key="t1",
            type="visit",
            title="",
            assignee="x@acme.example",
            outcomes=(),
            due_at=NOW,
            now=NOW,
        )
    assert (again.id, again.type) == (task.id, "call")


def test_task_done_needs_one_of_its_outcomes(env: Environment) -> None:
    with env.database.write() as session:
        lead, other = make_lead(session), make_lead(session)
        task = make_task(session, env, lead)
        assert tell(session, env, lead, "task_done", task=task.id, outcome="bribed") == "unknown_outcome"
        assert (
            tell(session, env, other, "task_done", task=task.id, outcome="absent") == "task_of_another_lead"
        )
        assert tell(session, env, lead, "task_done", task="none", outcome="absent") == "unknown_task"
        assert tell(session, env, lead, "task_done", task=task.id, outcome="absent") is None
        assert (task.status, task.outcome, task.done_at) == (TaskStatus.DONE, "absent", NOW)
        assert tell(session, env, lead, "task_done", task=task.id, outcome="connected") == "already_done"


def test_overdue_task_can_still_be_done(env: Environment) -> None:
    with env.database.write() as session:
        lead = make_lead(session)
        task = make_task(session, env, lead)
        assert tasks.mark_overdue(session, lead, "t1", NOW) is None
        assert tasks.mark_overdue(session, lead, "t1", NOW + timedelta(minutes=15)) is task
        assert task.status == TaskStatus.OVERDUE
        assert tell(session, env, lead, "task_done", task=task.id, outcome="connected") is None


def test_withdraw_leaves_finished_tasks_alone(env: Environment) -> None:
    with env.database.write() as session:
        lead = make_lead(session)
        task = make_task(session, env, lead)
        assert tasks.withdraw_tasks(session, lead, task.enrolment_id, NOW) == 1
        assert tasks.withdraw_tasks(session, lead, task.enrolment_id, NOW) == 0
        assert task.status == TaskStatus.WITHDRAWN


@pytest.mark.parametrize(
    ("to", "fields", "expected"),
    [
        ("owner", {"owner": "sato@acme.example"}, "sato@acme.example"),
        ("last_owner", {"last_owner": "suzuki@acme.example"}, "suzuki@acme.example"),
        ("boss@acme.example", {}, "boss@acme.example"),
        ("inside-sales", {}, "sato@acme.example"),
        ("last_owner", {}, "sato@acme.example"),
    ],
)
def test_assignee_is_who_is_named_else_a_member_of_the_queue(
    env: Environment, to: str, fields: dict[str, Any], expected: str
) -> None:
    workspace = env.publications.current().publication.workspace
    with env.database.write() as session:
        lead = make_lead(session, **fields)
        assert tasks.assignee_for(session, env, lead, to, "inside-sales", workspace) == expected
        assert tasks.assignee_for(session, env, make_lead(session), "owner", None, workspace) == (
            "sales@acme.example"
        )
