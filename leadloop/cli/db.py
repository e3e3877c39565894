"""`leadloop db`: the schema of the database."""

from __future__ import annotations

from typing import Annotated

import typer

from leadloop.cli.environments import StateOption, open_database, open_environment, settings_for
from leadloop.cli.output import JsonOption, print_json

_PRUNED = {
    "score_entry": "added up",
    "event": "removed",
    "visitor": "removed",
    "turn": "removed",
    "message": "emptied",
    "event_key": "removed",
}

app = typer.Typer(help="Create, upgrade or check the database's schema.", no_args_is_help=True)


@app.command()
def upgrade(
    state: StateOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done; do nothing.")] = False,
) -> None:
    """Bring the database to the schema of this version. `leadloop up` does it by itself."""
    from leadloop.storage import migrations

    with open_database(settings_for(state), make=not dry_run) as database:
        found = migrations.revision(database)
        if found == migrations.SCHEMA:
            typer.echo(f"the schema is {found} already")
        elif dry_run:
            typer.echo(f"would upgrade the schema from {found or 'nothing'} to {migrations.SCHEMA}")
            for step in migrations.pending(database):
                typer.echo(f"  {step.revision}  {step.title}")
        else:
            migrations.upgrade(database, lambda step: typer.echo(f"  {step.revision}  {step.title}"))
            typer.echo(f"upgraded the schema from {found or 'nothing'} to {migrations.SCHEMA}")


@app.command()
def prune(
    state: StateOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go; remove nothing.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Remove now what is older than its retention. The workers do it by themselves, once a day.

    How long rows are kept: LEADLOOP_RETENTION_EVENTS_DAYS, …_SCORES_DAYS, …_TURNS_DAYS, …_BODIES_DAYS,
    …_EVENT_KEYS_DAYS. What a condition or a wait may still ask for stays.
    """
    from leadloop.inbox.pruning.pruner import prune as pruning
    from leadloop.inbox.pruning.retention import retention_of

    rows: dict[str, int] = {}
    with open_environment(state, dry_run=dry_run) as env:
        for done in pruning(env, retention_of(settings_for(state))):
            rows[done.table] = rows.get(done.table, 0) + done.rows
    if as_json:
        print_json({"dry_run": dry_run, "rows": rows})
        return
    for table, number in rows.items():
        typer.echo(f"{table}: {number} rows {_PRUNED[table]}")
    if dry_run:
        typer.echo("dry run: nothing was changed")


@app.command()
def check(state: StateOption = None, as_json: JsonOption = False) -> None:
    """Check that the database has the schema and the indexes of this version. Exit code 1 if not."""
    from leadloop.storage import migrations

    with open_database(settings_for(state)) as database:
        found = migrations.revision(database)
        steps = migrations.pending(database) if found is None or found < migrations.SCHEMA else []
        missing = migrations.missing_indexes(database) if found == migrations.SCHEMA else []
        if as_json:
            print_json(
                {
                    "ok": found == migrations.SCHEMA and not missing,
                    "found": found,
                    "needed": migrations.SCHEMA,
                    "pending": [step.revision for step in steps],
                    "missing_indexes": missing,
                }
            )
        if not as_json or found != migrations.SCHEMA:
            for step in steps:
                typer.echo(f"pending: {step.revision}  {step.title}", err=True)
            migrations.check_schema(database)
            typer.echo(f"the schema is {found}")
            for name in missing:
                typer.echo(f"missing index: {name}", err=True)
        if missing:
            raise typer.Exit(1)
