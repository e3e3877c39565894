"""`leadloop event send`: one event by hand."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from leadloop.cli.environments import StateOption, open_environment
from leadloop.cli.output import JsonOption, print_json

if TYPE_CHECKING:
    from leadloop.inbox.ingestion.ingest import IncomingEvent, IngestResult
    from leadloop.storage.environment import Environment

app = typer.Typer(help="Put events in by hand.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keep `send` a command of its own: the group has one command so far."""


@app.command()
def send(
    event: Annotated[str, typer.Argument(help="Its type, for example page_viewed.")],
    lead: Annotated[str, typer.Argument(help="The lead's id, or a mail address; a new one makes a lead.")],
    properties: Annotated[
        list[str] | None,
        typer.Option("--property", "-p", help="NAME=VALUE; may be given several times.", show_default=False),
    ] = None,
    external_id: Annotated[
        str | None,
        typer.Option(
            "--id", help="The same id is stored once, however often it is sent.", show_default=False
        ),
    ] = None,
    occurred_at: Annotated[
        str | None,
        typer.Option("--at", help="2026-11-22T10:00:00+09:00. Default: now.", show_default=False),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check only; store nothing.")] = False,
    state: StateOption = None,
    as_json: JsonOption = False,
) -> None:
    """Store one event, as `POST /v1/events` does. The engine applies it as soon as it runs.

    Numbers and true or false are read as such where the event declares them so. Exit code 1 where the
    event is refused.
    """
    from leadloop.inbox.ingestion.ingest import IncomingEvent

    with open_environment(state) as env:
        by_email = "@" in lead
        item = IncomingEvent(
            event,
            _properties(env, event, properties or []),
            lead_id=None if by_email else lead,
            email=lead if by_email else None,
            external_id=external_id,
            source="api",
            occurred_at=_instant(occurred_at),
        )
        result = _store(env, item, dry_run)
    _report(result, dry_run, as_json)
    if result.status in ("invalid", "conflict"):
        raise typer.Exit(1)


def _store(env: Environment, item: IncomingEvent, dry_run: bool) -> IngestResult:
    from leadloop.inbox.ingestion.ingest import ingest

    with env.database.write(dry_run=dry_run) as session:
        return ingest(session, env, [item])[0]


def _properties(env: Environment, event: str, texts: list[str]) -> dict[str, Any]:
    declared = env.publications.current().publication.workspace.events.get(event, {})
    values: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise typer.BadParameter(f"{text}: write NAME=VALUE", param_hint="--property")
        kind = declared[name].type if name in declared else "text"
        values[name] = _value(value) if kind in ("int", "bool") else value
    return values


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _instant(text: str | None) -> datetime | None:
    try:
        return datetime.fromisoformat(text) if text else None
    except ValueError:
        raise typer.BadParameter(
            f"{text}: write a time such as 2026-11-22T10:00:00+09:00", param_hint="--at"
        ) from None


def _report(result: IngestResult, dry_run: bool, as_json: bool) -> None:
    if as_json:
        document = {"status": result.status, "event": result.event_id, "lead": result.lead_id,
                    "field": result.field, "problem": result.problem, "dry_run": dry_run}  # fmt: skip
        print_json(document)
    elif result.status in ("invalid", "conflict"):
        typer.echo(f"{result.field}: {result.problem}", err=True)
    elif dry_run:
        typer.echo("it would be accepted" if result.status == "accepted" else "it is stored already")
    elif result.status == "duplicate":
        typer.echo(f"stored already: event {result.event_id} of lead {result.lead_id}")
    else:
        typer.echo(f"accepted: event {result.event_id} of lead {result.lead_id}")
