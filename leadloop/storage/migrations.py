"""Bringing a database to the schema of this version, by alembic.

Importing alembic is slow, so `check_schema`, which every start calls, does without it.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import inspect, text
from sqlalchemy.engine import make_url

from leadloop.storage.database import Database, StorageError

SCHEMA = "0008"
"""Revision that this version of leadloop works with."""

_SCRIPTS = Path(__file__).parent / "alembic"


class SchemaError(StorageError):
    """The database has another schema than this version of leadloop needs."""


def upgrade(database: Database) -> None:
    """Create or upgrade the schema. Raises `SchemaError` for a database of a newer version."""
    from alembic import command
    from alembic.config import Config

    found = revision(database)
    if found == SCHEMA:
        return
    if found is not None and found > SCHEMA:
        raise SchemaError(_newer(found))
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS))
    config.attributes["engine"] = database.engine
    command.upgrade(config, "head")


def check_schema(database: Database) -> None:
    """Raise `SchemaError` unless the database has the schema of this version."""
    if database.is_missing:
        raise SchemaError(
            f"there is no database {make_url(database.url).database}: run `leadloop db upgrade`"
        )
    found = revision(database)
    if found is None:
        raise SchemaError("the database is empty: run `leadloop db upgrade`")
    if found > SCHEMA:
        raise SchemaError(_newer(found))
    if found != SCHEMA:
        raise SchemaError(f"the database has schema {found}: run `leadloop db upgrade`")


def revision(database: Database) -> str | None:
    """Return the database's schema revision, or None where it has none yet."""
    if database.is_missing:
        return None
    with database.engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _newer(found: str) -> str:
    return f"the database has schema {found}, made by a newer leadloop; this one knows {SCHEMA}"
