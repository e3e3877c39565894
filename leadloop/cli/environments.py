"""The database a command works on, and the lead a person names on the command line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from leadloop.settings import Settings
    from leadloop.storage.database import Database
    from leadloop.storage.environment import Environment

StateOption = Annotated[
    Path | None,
    typer.Option(
        "--state",
        help="Folder of databases, mailbox and secret. Default: LEADLOOP_STATE, else .leadloop here.",
        show_default=False,
    ),
]


def settings_for(state: Path | None) -> Settings:
    """Return the settings, with the state folder that the command names."""
    from leadloop.settings import Settings

    settings = Settings()
    return settings if state is None else settings.model_copy(update={"state": state})


@contextmanager
def open_database(settings: Settings, *, make: bool = False) -> Iterator[Database]:
    """Open the database that the settings name; exit with a hint where its file does not exist."""
    from leadloop.storage.database import Database

    file = settings.state / "leadloop.db"
    if not make and not settings.database_url and not file.exists():
        typer.echo(f"there is no database {file}; start with `leadloop up`, or name its --state", err=True)
        raise typer.Exit(1)
    database = Database(settings.database_address())
    try:
        yield database
    finally:
        database.close()


@contextmanager
def open_environment(state: Path | None = None, *, dry_run: bool = False) -> Iterator[Environment]:
    """Open the environment that the settings name; exit with a hint where nothing is published.

    With `dry_run` every transaction is undone at its end.
    """
    from sqlalchemy.exc import OperationalError, ProgrammingError

    from leadloop.storage.migrations import check_schema, revision
    from leadloop.storage.publications import NotPublishedError
    from leadloop.storage.secret import check_secret

    settings = settings_for(state)
    with open_database(settings) as database:
        env = environment_of(settings, database)
        database.rehearses = dry_run
        if database.is_missing or revision(database) is not None:
            check_schema(database)
            check_secret(env)
        try:
            env.publications.current()
        except (NotPublishedError, OperationalError, ProgrammingError) as error:
            if not isinstance(error, NotPublishedError) and not _lacks_tables(error):
                raise
            typer.echo("nothing is published in this database yet; start with `leadloop up`", err=True)
            raise typer.Exit(1) from None
        yield env


def _lacks_tables(error: Exception) -> bool:
    return "no such table" in str(error) or "does not exist" in str(error)


def environment_of(settings: Settings, database: Database) -> Environment:
    """Return the environment of an open database, on real time."""
    from leadloop.clock import RealClock
    from leadloop.failpoints import failpoint
    from leadloop.keys import Keys
    from leadloop.storage.environment import Environment
    from leadloop.storage.publications import PublicationStore

    return Environment(
        database,
        RealClock(),
        Keys(settings.secret_bytes()),
        PublicationStore(database),
        failpoint(settings.fail_at),
    )


def find_lead_id(env: Environment, text: str) -> str:
    """Return the id of the lead with this id or mail address; exit with code 1 where there is none."""
    from leadloop.leads.addresses import AddressError
    from leadloop.leads.identity import find_lead
    from leadloop.storage.tables import Lead

    with env.database.read() as session:
        lead = session.get(Lead, text)
        if lead is None and "@" in text:
            try:
                lead = find_lead(session, env, text)
            except AddressError as error:
                typer.echo(str(error), err=True)
                raise typer.Exit(1) from None
    if lead is None:
        typer.echo("there is no such lead; name it by its id or mail address", err=True)
        raise typer.Exit(1)
    return lead.merged_into or lead.id
