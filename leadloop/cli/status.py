"""`leadloop status`: how the engine stands, in numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from leadloop.cli.environments import StateOption, open_environment
from leadloop.cli.operating import operating_lines
from leadloop.cli.output import JsonOption, print_json, print_table, shown_at
from leadloop.cli.temporal_pages import temporal_pages

if TYPE_CHECKING:
    from leadloop.storage.environment import Environment


def status(state: StateOption = None, as_json: JsonOption = False) -> None:
    """Show journeys per scenario and step, what is due, overdue, held and paused, what waits to be
    applied or sent, and whether sending is stopped.

    Messages that may or may not have been sent (`uncertain`) are listed one by one: they are never
    sent again by themselves.
    """
    from leadloop.inbox.operations.standing import standing

    with open_environment(state) as env:
        document = _document(env)
        zone = _zone(env)
        with env.database.read() as session:
            operating = standing(session, env, temporal_pages(state))
    by_name = {one["scenario"]: one for one in operating["scenarios"]}
    document["scenarios"] = [by_name.get(one["scenario"], {}) | one for one in document["scenarios"]]
    document["sending"] = operating["sending"]
    if as_json:
        print_json(document)
        return
    if document["restored"]:
        typer.echo(f"STOPPED: {document['restored']['text']}.")
        typer.echo("No mail is sent, no journey moves. See `leadloop recover --accept-restore --dry-run`.\n")
    rows = document["scenarios"]
    columns = ("scenario", "entered", "running", "held", "paused", "ended")
    outcomes = [", ".join(f"{name} {number}" for name, number in row["outcomes"].items()) for row in rows]
    print_table(
        (*columns, "outcomes"),
        [[*(row[name] for name in columns), ended] for row, ended in zip(rows, outcomes, strict=True)],
    )
    typer.echo()
    for line in operating_lines(operating, zone):
        typer.echo(line)
    typer.echo(f"next due          {shown_at(document['next_due_at'], zone)} ({zone.key})")
    typer.echo(f"overdue           {document['overdue']}")
    typer.echo(f"unapplied events  {document['unapplied_events']}")
    typer.echo(f"parked events     {document['parked_events']}")
    typer.echo(f"wakes to send     {document['wakes']}")
    counts = ", ".join(f"{name} {number}" for name, number in document["messages"].items())
    typer.echo(f"messages          {counts or 'none'}")
    for name, number in document["calls"].items():
        typer.echo(f"calls             {name} {number}")
    for one in document["failed_calls"]:
        why = f" ({one['reason']})" if one["reason"] else ""
        typer.echo(f"failed calls      {one['scenario']} to {one['to']}: {one['number']}{why}")
    for one in document["waiting_entries"]:
        at = shown_at(one["next_at"], zone)
        typer.echo(f"waiting entries   {one['scenario']} {one['number']}, the next {at}")
    for one in document["editions"]:
        typer.echo(f"new version       {one['scenario']}: {one['remaining']} to be told ({one['what']})")
    if document["backfill"]:
        typer.echo(f"backfill          {_backfill_words(document['backfill'])}")
    for one in document["alerts"]:
        about = " ".join(filter(None, (one["kind"], one["scenario"], one["code"])))
        typer.echo(f"alert             {about}: {one['number']}, since {shown_at(one['raised_at'], zone)}")
    for one in document["workers"]:
        at = shown_at(one["started_at"], zone)
        typer.echo(
            f"worker            build {one['build']}, plans to format {one['plan_format']}, since {at}"
        )
    for one in document["uncertain"]:
        at = shown_at(one["claimed_at"], zone)
        typer.echo(f"uncertain         message {one['id']} to lead {one['lead_id']}, {one['scenario']}, {at}")


def _zone(env: Environment) -> Any:
    from zoneinfo import ZoneInfo

    return ZoneInfo(env.publications.current().publication.workspace.timezone)


def _document(env: Environment) -> dict[str, Any]:
    from sqlalchemy import func
    from sqlmodel import col, select

    from leadloop.inbox.monitoring.alerts import open_alerts
    from leadloop.inbox.monitoring.presence import live_workers
    from leadloop.inbox.recovery.restored import describe_gate
    from leadloop.inbox.recovery.sweeper import OVERDUE
    from leadloop.inbox.turns.editions import edition_progress
    from leadloop.storage.tables import Enrolment, EnrolmentStatus, Event, Message, MessageStatus, Wake
    from leadloop.web.counts import scenario_counts

    running = col(Enrolment.status) == EnrolmentStatus.RUNNING
    with env.database.read() as session:
        publication = env.publications.current(session).publication

        def count(statement: Any) -> int:
            return int(session.exec(statement).one())

        late = running & (col(Enrolment.due_at) <= env.clock.now() - OVERDUE)
        uncertain = session.exec(
            select(Message).where(Message.status == MessageStatus.UNCERTAIN).order_by(col(Message.id))
        ).all()
        messages = session.exec(select(Message.status, func.count()).group_by(col(Message.status))).all()
        return {
            "restored": describe_gate(session),
            "scenarios": [one.as_json() for one in scenario_counts(session, publication)],
            "next_due_at": session.exec(select(func.min(Enrolment.due_at)).where(running)).one(),
            "overdue": count(select(func.count()).select_from(Enrolment).where(late)),
            "unapplied_events": count(
                select(func.count()).select_from(Event).where(col(Event.applied_at).is_(None))
            ),
            "parked_events": count(
                select(func.count()).select_from(Event).where(col(Event.parked).is_not(None))
            ),
            "wakes": count(select(func.count()).select_from(Wake)),
            "messages": {MessageStatus(word).value: number for word, number in messages},
            "calls": _calls(session),
            "failed_calls": _failed_calls(session),
            "waiting_entries": _waiting_entries(session),
            "editions": [
                {"scenario": scenario, "what": what, "remaining": left}
                for scenario, (what, left) in edition_progress(session).items()
            ],
            "backfill": _backfill(session),
            "alerts": [
                {
                    "id": one.id,
                    "kind": one.kind,
                    "scenario": one.scenario,
                    "code": one.code,
                    "number": one.number,
                    "raised_at": one.raised_at,
                }
                for one in open_alerts(session)
            ],
            "workers": [
                {
                    "id": one.id,
                    "build": one.build,
                    "plan_format": one.plan_format,
                    "started_at": one.started_at,
                    "seen_at": one.seen_at,
                }
                for one in live_workers(session, env)
            ],
            "uncertain": [
                {
                    "id": one.id,
                    "lead_id": one.lead_id,
                    "enrolment_id": one.enrolment_id,
                    "scenario": one.scenario,
                    "step": one.step_id,
                    "claimed_at": one.claimed_at,
                }
                for one in uncertain
            ],
        }


def _calls(session: Any) -> dict[str, int]:
    """Count the outside calls by what became of them; `noted only` are those without an address."""
    from sqlalchemy import func
    from sqlmodel import col, select

    from leadloop.storage.tables import Call, CallStatus

    rows = session.exec(
        select(Call.status, Call.sink, func.count()).group_by(col(Call.status), col(Call.sink))
    ).all()
    found: dict[str, int] = {}
    for word, sink, number in rows:
        name = "noted only" if sink else CallStatus(word).value
        found[name] = found.get(name, 0) + int(number)
    return found


def _failed_calls(session: Any) -> list[dict[str, Any]]:
    """Count the calls that failed, by scenario, receiver and reason."""
    from sqlalchemy import func
    from sqlmodel import col, select

    from leadloop.storage.tables import Call, CallStatus

    group = (col(Call.scenario), col(Call.to), col(Call.reason))
    rows = session.exec(
        select(*group, func.count()).where(Call.status == CallStatus.FAILED).group_by(*group).order_by(*group)
    ).all()
    return [
        {"scenario": scenario, "to": to, "reason": reason, "number": number}
        for scenario, to, reason, number in rows
    ]


def _waiting_entries(session: Any) -> list[dict[str, Any]]:
    """Count, by scenario, the entries that wait for a place or for a turn, with the next one's instant."""
    from sqlmodel import col, select

    from leadloop.inbox.relaying.due_rows import WAITING
    from leadloop.storage.tables import Due

    rows = session.exec(
        select(Due.detail, Due.due_at).where(Due.kind == WAITING).order_by(col(Due.due_at))
    ).all()
    found: dict[str, dict[str, Any]] = {}
    for detail, at in rows:
        name = str(detail.get("scenario", ""))
        one = found.setdefault(name, {"scenario": name, "number": 0, "next_at": at})
        one["number"] += 1
    return [found[name] for name in sorted(found)]


def _backfill(session: Any) -> dict[str, Any] | None:
    from dataclasses import asdict

    from leadloop.inbox.backfill import backfill_progress

    progress = backfill_progress(session)
    return asdict(progress) if progress is not None else None


def _backfill_words(progress: dict[str, Any]) -> str:
    if progress["finished"]:
        return f"finished, {progress['visited']} leads looked at"
    return f"{progress['visited']} leads looked at, {progress['remaining']} to go"
