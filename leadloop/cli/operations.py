"""`leadloop operations`: who did what to journeys, scenarios and sending."""

from __future__ import annotations

from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from leadloop.cli.environments import StateOption, open_environment
from leadloop.cli.operating import operation_line
from leadloop.cli.output import JsonOption, print_json


def operations(
    scenario: Annotated[
        str | None, typer.Option("--scenario", metavar="NAME", help="Only of this.", show_default=False)
    ] = None,
    journey: Annotated[
        str | None, typer.Option("--journey", metavar="ID", help="Only of this.", show_default=False)
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="At most so many.")] = 50,
    state: StateOption = None,
    as_json: JsonOption = False,
) -> None:
    """List what people did, the newest first: who, what, when, to what, and why."""
    from sqlmodel import col, select

    from leadloop.inbox.operations.view import operation_json
    from leadloop.storage.tables import Operation

    statement = select(Operation).order_by(col(Operation.at).desc(), col(Operation.id).desc()).limit(limit)
    if scenario is not None:
        statement = statement.where(Operation.scenario == scenario)
    if journey is not None:
        statement = statement.where(Operation.enrolment_id == journey)
    with open_environment(state) as env:
        with env.database.read() as session:
            items = [operation_json(row) for row in session.exec(statement).all()]
        zone = ZoneInfo(env.publications.current().publication.workspace.timezone)
    if as_json:
        print_json({"items": items})
        return
    if not items:
        typer.echo("nobody did anything yet" if scenario is journey is None else "nobody did anything to it")
    for one in items:
        typer.echo(operation_line(one, zone))
