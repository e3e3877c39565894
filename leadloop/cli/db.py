"""`leadloop db`: the schema of the database."""

from __future__ import annotations

from typing import Annotated

import typer

from leadloop.cli.environments import StateOption, open_database, settings_for
from leadloop.cli.output import JsonOption, print_json

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
        else:
            migrations.upgrade(database)
            typer.echo(f"upgraded the schema from {found or 'nothing'} to {migrations.SCHEMA}")


@app.command()
def check(state: StateOption = None, as_json: JsonOption = False) -> None:
    """Check that the database has the schema of this version. Exit code 1 if not."""
    from leadloop.storage import migrations

    with open_database(settings_for(state)) as database:
        found = migrations.revision(database)
        if as_json:
            print_json({"ok": found == migrations.SCHEMA, "found": found, "needed": migrations.SCHEMA})
        if not as_json or found != migrations.SCHEMA:
            migrations.check_schema(database)
            typer.echo(f"the schema is {found}")
