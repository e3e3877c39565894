"""Very many leads, made by the database out of a few that the engine has written.

Each lead that is there is copied with everything that hangs on it: events, points, timers, journeys, waits.
That is as quick as `COPY`, and every row is as the engine writes it. Events lie on the disk as they came in:
the first ones of all leads, then the second ones, so that the events of one lead lie far apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from sqlalchemy import Connection, text
from sqlmodel import SQLModel

from leadloop.storage.database import Database
from leadloop.storage.tables import (
    ArmedWait,
    Due,
    Enrolment,
    Event,
    Identity,
    Lead,
    LeadScore,
    ScoreEntry,
    Turn,
)

_ID = "{0} || '-' || n"
_OF_LEAD = "replace({0}, lead_id, lead_id || '-' || n)"
"""For keys that contain the lead's id."""
_CHANGED: dict[type[SQLModel], Mapping[str, str]] = {
    Lead: {"id": _ID, "email": _ID},
    Identity: {"value_hmac": _ID, "lead_id": _ID},
    Event: {"id": _ID, "subject_id": _ID, "lead_id": _ID, "causation_id": _ID},
    ScoreEntry: {"id": _ID, "entry_key": _OF_LEAD, "lead_id": _ID, "event_id": _ID},
    LeadScore: {"lead_id": _ID},
    Due: {"key": _OF_LEAD, "lead_id": _ID},
    Enrolment: {"id": _ID, "lead_id": _ID, "subject_key": _ID, "cause_event_id": _ID},
    ArmedWait: {"id": _ID, "enrolment_id": _ID, "lead_id": _ID},
    Turn: {"enrolment_id": _ID},
}


def multiply(database: Database, copies: int) -> None:
    """Add so many copies of every lead in a PostgreSQL database, then vacuum and analyze it."""
    with database.engine.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))  # no checks of foreign keys
        for model, changed in _CHANGED.items():
            table = str(model.__tablename__)
            with _without_indexes(connection, table):
                names = [f'"{column.name}"' for column in SQLModel.metadata.tables[table].columns]
                values = [
                    changed[name].format(quoted) if (name := quoted.strip('"')) in changed else quoted
                    for quoted in names
                ]
                statement = (
                    f'INSERT INTO "{table}" ({", ".join(names)}) SELECT {", ".join(values)} '
                    f'FROM (SELECT * FROM "{table}") AS known, generate_series(1, {copies}) AS n'
                )
                for part in _parts(connection, model):
                    connection.execute(text(statement + part))
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))


def _parts(connection: Connection, model: type[SQLModel]) -> list[str]:
    if model is not Event:
        return [""]
    last = connection.execute(text("SELECT max(lead_seq) FROM event")).scalar_one()
    # Copies of this statement's own have a longer id, so that they are not copied again.
    length = connection.execute(text("SELECT max(length(id)) FROM event")).scalar_one()
    return [f" WHERE lead_seq = {number} AND length(id) <= {length}" for number in range(1, last + 1)]


@contextmanager
def _without_indexes(connection: Connection, table: str) -> Iterator[None]:
    """Take out the indexes that are not unique while the block runs: built at once they cost less."""
    found = connection.execute(
        text(
            "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename = :table "
            "AND indexdef NOT LIKE 'CREATE UNIQUE%'"
        ),
        {"table": table},
    ).all()
    for name, _ in found:
        connection.execute(text(f'DROP INDEX "{name}"'))
    yield
    for _, definition in found:
        connection.execute(text(definition))
