"""`leadloop journey list|show`: look at journeys. What changes them is in `changing_journeys`."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from leadloop.cli.changing_journeys import ScenarioOption, cancel, pause, resume, retry
from leadloop.cli.environments import StateOption, find_lead_id, open_environment
from leadloop.cli.operating import operation_line
from leadloop.cli.output import JsonOption, print_json, print_table, shown_at
from leadloop.cli.temporal_pages import temporal_pages

app = typer.Typer(
    help="Look at journeys, pause, resume and cancel them, try held ones again. Exit code 0 also where it is "
    "so already, 1 where it is refused.",
    no_args_is_help=True,
)
for command in (pause, resume, cancel, retry):
    app.command(command.__name__)(command)


class StatusWord(StrEnum):
    """Statuses by which journeys are listed."""

    RUNNING = "running"
    HELD = "held"
    PAUSED = "paused"
    ENDED = "ended"


@app.command("list")
def list_journeys(
    scenario: ScenarioOption = None,
    status: Annotated[
        StatusWord | None, typer.Option("--status", help="Only these.", show_default=False)
    ] = None,
    lead: Annotated[
        str | None, typer.Option("--lead", help="Id or mail address of the lead.", show_default=False)
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="At most so many.")] = 50,
    state: StateOption = None,
    as_json: JsonOption = False,
) -> None:
    """List journeys, the newest first: where each stands, and what keeps it there."""
    from sqlmodel import col, select

    from leadloop.inbox.operations.view import journey_json
    from leadloop.storage.tables import Enrolment, EnrolmentStatus

    with open_environment(state) as env:
        statement = select(Enrolment)
        if scenario is not None:
            statement = statement.where(Enrolment.scenario == scenario)
        if status is not None:
            statement = statement.where(Enrolment.status == EnrolmentStatus(status.value))
        if lead is not None:
            statement = statement.where(Enrolment.lead_id == find_lead_id(env, lead))
        order = (col(Enrolment.entered_at).desc(), col(Enrolment.id).desc())
        with env.database.read() as session:
            rows = session.exec(statement.order_by(*order).limit(limit)).all()
            items = [journey_json(session, env, row) for row in rows]
        zone = ZoneInfo(env.publications.current().publication.workspace.timezone)
    if as_json:
        print_json({"items": items})
        return
    columns = ("journey", "scenario", "status", "step", "due", "because")
    print_table(columns, [_row(one, zone) for one in items])


def _row(journey: dict[str, Any], zone: ZoneInfo) -> list[object]:
    due = datetime.fromisoformat(journey["due_at"]) if journey["due_at"] else None
    return [
        journey["id"], journey["scenario"], journey["status"], journey["step"], shown_at(due, zone),
        _because(journey),
    ]  # fmt: skip


def _because(journey: dict[str, Any]) -> str:
    if journey["status"] == "ended":
        return str(journey["outcome"])
    words = [journey["held_reason"]] if journey["held_reason"] else []
    words += [f"{cause} ({clock})" for cause, clock in journey["stops"].items()]
    return "; ".join(words)


@app.command("show")
def show_journey(
    journey: Annotated[str, typer.Argument(help="Id of the journey.")],
    state: StateOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show one journey, and what people did to it. `leadloop why LEAD` tells its turns."""
    from leadloop.inbox.operations.log import operations_about
    from leadloop.inbox.operations.view import journey_json, operation_json
    from leadloop.storage.tables import Enrolment

    with open_environment(state) as env:
        with env.database.read() as session:
            row = session.get(Enrolment, journey)
            if row is None:
                typer.echo("there is no such journey; `leadloop journey list` shows them", err=True)
                raise typer.Exit(1)
            found = journey_json(session, env, row) | {"temporal": temporal_pages(state).journey(row.id)}
            log = [operation_json(one) for one in operations_about(session, [row])[row.id]]
        zone = ZoneInfo(env.publications.current().publication.workspace.timezone)
    if as_json:
        print_json(found | {"operations": log})
        return
    for name, value in found.items():
        if value not in (None, "", {}, False):
            text = shown_at(datetime.fromisoformat(value), zone) if name.endswith("_at") else _plain(value)
            typer.echo(f"{name.replace('_', ' '):<18} {text}")
    for one in log:
        typer.echo(operation_line(one, zone))


def _plain(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} ({clock})" for name, clock in value.items())
    return str(value)
