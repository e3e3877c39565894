"""`leadloop key`: keys of the API."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from leadloop.cli.environments import StateOption, environment_of, open_database, settings_for
from leadloop.cli.output import JsonOption, print_json, print_table

if TYPE_CHECKING:
    from leadloop.storage.tables import ApiKey

app = typer.Typer(help="Make, list and revoke keys of the API.", no_args_is_help=True)

DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Check only; change nothing.")]


class ScopeName(StrEnum):
    """What a key may do. Beside `web.api_keys.Scope`, which takes long to import."""

    INGEST = "ingest"
    READ = "read"
    SALES = "sales"
    ADMIN = "admin"


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Who or what will use it, for example website.")],
    scopes: Annotated[
        list[ScopeName] | None,
        typer.Option(
            "--scope",
            help="What it may do; may be given several times. admin may everything.",
            show_default=False,
        ),
    ] = None,
    signing: Annotated[
        bool,
        typer.Option("--signing", help="A secret that signs events (Standard Webhooks), instead of a key."),
    ] = False,
    dry_run: DryRunOption = False,
    state: StateOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a key and show its secret, once: it is not kept.

    From the first key on, every path under /v1 asks for one.
    """
    from leadloop.storage.secret import check_secret
    from leadloop.web.api_keys import Scope, create_key

    settings = settings_for(state)
    with open_database(settings) as database:
        env = environment_of(settings, database)
        check_secret(env)
        database.rehearses = dry_run
        with database.write() as session:
            wanted = [Scope(one.value) for one in scopes or []]
            new = create_key(session, env, name, wanted, env.clock.now(), signing=signing)
    secret = None if dry_run else new.secret
    if as_json:
        print_json(key_json(new.row) | {"secret": secret, "dry_run": dry_run})
    elif dry_run:
        typer.echo(f"it would be made: {new.row.name}, {' '.join(new.row.scopes)}")
    else:
        typer.echo(f"key {new.row.id} ({new.row.name}: {' '.join(new.row.scopes)})", err=True)
        typer.echo("its secret, shown this once:", err=True)
        typer.echo(secret)


@app.command("list")
def list_all(
    everything: Annotated[bool, typer.Option("--all", help="The revoked ones too.")] = False,
    state: StateOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the keys, without their secrets."""
    from leadloop.web.api_keys import list_keys

    with open_database(settings_for(state)) as database, database.read() as session:
        rows = list_keys(session, revoked=everything)
    if as_json:
        print_json({"keys": [key_json(row) for row in rows]})
        return
    print_table(
        ("id", "prefix", "kind", "name", "scopes", "made (UTC)", "revoked (UTC)"),
        [
            (
                row.id, row.prefix, row.kind.value, row.name, " ".join(row.scopes),
                f"{row.created_at:%Y-%m-%d %H:%M}",
                f"{row.revoked_at:%Y-%m-%d %H:%M}" if row.revoked_at else "–",
            )
            for row in rows
        ],
    )  # fmt: skip


@app.command()
def revoke(
    key: Annotated[str, typer.Argument(help="Its id or prefix.")],
    dry_run: DryRunOption = False,
    state: StateOption = None,
    as_json: JsonOption = False,
) -> None:
    """Revoke a key for good. Running servers refuse it within a second."""
    from leadloop.clock import RealClock
    from leadloop.web.api_keys import revoke_key

    with open_database(settings_for(state)) as database:
        database.rehearses = dry_run
        with database.write() as session:
            row = revoke_key(session, key, RealClock().now())
    if as_json:
        print_json(key_json(row) | {"dry_run": dry_run})
    else:
        typer.echo(f"{'would revoke' if dry_run else 'revoked'} {row.id} ({row.name})")


def key_json(row: ApiKey) -> dict[str, Any]:
    """Return a key as commands show it: never its hash."""
    return {
        "id": row.id,
        "prefix": row.prefix,
        "kind": row.kind.value,
        "name": row.name,
        "scopes": row.scopes,
        "created_at": row.created_at,
        "revoked_at": row.revoked_at,
    }
