"""The database a command works on, and the lead a person names on the command line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from leadloop.storage.environment import Environment


@contextmanager
def open_environment() -> Iterator[Environment]:
    """Open the environment that the settings name; exit with a hint where nothing is published."""
    from sqlalchemy.exc import OperationalError, ProgrammingError

    from leadloop.clock import RealClock
    from leadloop.keys import Keys
    from leadloop.settings import Settings
    from leadloop.storage.database import Database
    from leadloop.storage.environment import Environment
    from leadloop.storage.publications import NotPublishedError, PublicationStore

    settings = Settings()
    database = Database(settings.database_address())
    env = Environment(database, RealClock(), Keys(settings.secret_bytes()), PublicationStore(database))
    try:
        try:
            env.publications.current()
        except (NotPublishedError, OperationalError, ProgrammingError):
            typer.echo("nothing is published in this database yet; start with `leadloop up`", err=True)
            raise typer.Exit(1) from None
        yield env
    finally:
        database.close()


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
