"""Tasks: things a person should do for a journey. Callers hold the lock on the lead."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session, col, select

from leadloop.language.plan import Workspace
from leadloop.sales.assignment import assign, company_owner, fallback
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Event, Lead, Task, TaskStatus

OPEN = (TaskStatus.OPEN, TaskStatus.OVERDUE)


def create_task(
    session: Session,
    lead: Lead,
    *,
    enrolment_id: str,
    step_id: str,
    visit: int,
    task_key: str,
    type: str,
    title: str,
    assignee: str,
    outcomes: Sequence[str],
    due_at: datetime,
    now: datetime,
    asks: Sequence[str] = (),
    asks_date: bool = False,
) -> Task:
    """Give a person a task and return it; the same `task_key` gives the same task."""
    known = find_task(session, task_key)
    if known is not None:
        return known
    task = Task(
        task_key=task_key,
        enrolment_id=enrolment_id,
        step_id=step_id,
        visit=visit,
        lead_id=lead.id,
        type=type,
        title=title,
        assignee=assignee,
        outcomes=list(outcomes),
        asks=list(asks),
        asks_date=asks_date,
        created_at=now,
        due_at=due_at,
    )
    session.add(task)
    session.flush()
    return task


def find_task(session: Session, task_key: str) -> Task | None:
    """Return the task of one visit of a task step."""
    return session.exec(select(Task).where(Task.task_key == task_key)).one_or_none()


def assignee_for(
    session: Session,
    env: Environment,
    lead: Lead,
    to: str,
    otherwise: str | None,
    workspace: Workspace,
) -> str:
    """Return the address that `to` names: `owner`, `last_owner`, a queue or an address.

    Where it names nobody, a member of the queue `otherwise`.
    """
    person: str | None = None
    if to == "owner":
        person = lead.owner or company_owner(session, lead)
    elif to == "last_owner":
        person = lead.last_owner or lead.owner
    elif to in workspace.queues:
        person = assign(session, lead, to, workspace)
    elif "@" in to:
        person = to
    if person:
        return person
    return assign(session, lead, otherwise, workspace) if otherwise else fallback(workspace)


def task_refusal(task: Task, outcome: str) -> str | None:
    """Return why a task cannot be finished with this outcome, or None if it can."""
    if task.status not in OPEN:
        return f"already_{task.status.value}"
    return None if outcome in task.outcomes else "unknown_outcome"


def apply_task_event(session: Session, lead: Lead, event: Event, now: datetime) -> str | None:
    """Apply `task_done`; a short reason if it changed nothing."""
    task = session.get(Task, str(event.properties.get("task", "")))
    if task is None:
        return "unknown_task"
    if task.lead_id != lead.id:
        return "task_of_another_lead"
    outcome = str(event.properties.get("outcome", ""))
    no = task_refusal(task, outcome)
    if no is not None:
        return no
    task.status = TaskStatus.DONE
    task.outcome = outcome
    date = event.properties.get("date")
    task.date = date if task.asks_date and isinstance(date, str) else None
    task.done_at = now
    session.add(task)
    return None


def mark_overdue(session: Session, lead: Lead, task_key: str, now: datetime) -> Task | None:
    """Mark an open task whose due instant has passed. None if there is nothing to mark."""
    task = find_task(session, task_key)
    if task is None or task.lead_id != lead.id or task.status != TaskStatus.OPEN or task.due_at > now:
        return None
    task.status = TaskStatus.OVERDUE
    session.add(task)
    return task


def withdraw_task(session: Session, lead: Lead, task_key: str, now: datetime) -> Task | None:
    """Take back an open task that its journey goes on without. None if it is not open any more."""
    task = find_task(session, task_key)
    if task is None or task.lead_id != lead.id or task.status not in OPEN:
        return None
    task.status = TaskStatus.WITHDRAWN
    task.done_at = now
    session.add(task)
    return task


def withdraw_tasks(session: Session, lead: Lead, enrolment_id: str | None, now: datetime) -> int:
    """Take back the open tasks of a journey that ended, or (None) all of the lead; return how many."""
    statement = select(Task).where(Task.lead_id == lead.id, col(Task.status).in_(OPEN))
    if enrolment_id is not None:
        statement = statement.where(Task.enrolment_id == enrolment_id)
    rows = session.exec(statement).all()
    for task in rows:
        task.status = TaskStatus.WITHDRAWN
        task.done_at = now
        session.add(task)
    return len(rows)
