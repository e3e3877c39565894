"""A schema step on a large table: others go on writing, and what was cut off is finished the next time."""

from __future__ import annotations

import re
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from alembic import command
from sqlalchemy import event, text

from leadloop.storage.database import Database
from leadloop.storage.migrations import SCHEMA, _config, check_schema, missing_indexes, revision, upgrade

AT = "2026-11-16 01:00:00+00:00"
_LEAD = (
    "INSERT INTO lead (id, stage, tags, fields, segments, created_at, last_seq, transition_truth, cycle,"
    f" in_sales) VALUES ('l1', 'lead', '[]', '{{}}', '[]', '{AT}', 0, '{{}}', 1, %s)"
)
_ENROLMENTS = (
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows}) "
    "INSERT INTO enrolment (id, scenario, plan_digest, publication_id, lead_id, subject_key, record_key,"
    " generation, status, turn_no, state, next, shielded, entered_at, entered_seq, moved_at, ended_at, cycle,"
    " clock_shift_seconds, stops) SELECT 'e' || i, 's', 'd', 'p', 'l1', 'l1', '', 1, 'ended', 2, '{{}}',"
    " '{{\"kind\": \"end\"}}', {no}, '{at}', 1, '{at}', '{at}', 0, 0, '[]' FROM n"
)


_EVENTS = (
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows}) "
    "INSERT INTO event (id, subject_id, lead_id, lead_seq, type, properties, identity, source, trust,"
    " occurred_at, received_at, applied_at, depth) SELECT 'v' || i, 'l1', 'l1', i, 'page_viewed', '{{}}',"
    " '{{}}', 'api', 'likely', '{at}', '{at}', '{at}', 0 FROM n"
)
_ONE_EVENT = (
    "INSERT INTO event (id, subject_id, type, properties, identity, source, trust, occurred_at, received_at,"
    f" depth) VALUES ('new' || %s, 'l1', 'page_viewed', '{{}}', '{{}}', 'api', 'likely', '{AT}', '{AT}', 0)"
)


def _before(database: Database, rows: int) -> None:
    """Make the schema before the steps that make indexes, with many events, and journeys that are over."""
    command.upgrade(_config(database), "0008")
    no = "0" if database.is_sqlite else "false"
    with database.engine.begin() as connection:
        connection.execute(text(_LEAD % no))
        for many in (_ENROLMENTS, _EVENTS):
            connection.execute(text(many.format(rows=rows, no=no, at=AT).replace(":", "\\:")))


def _upgrade_beside_writers(database: Database, rows: int, *, patience: str = "60s") -> int:
    """Upgrade while somebody else writes; return how many writes came through meanwhile.

    `patience` is how long a writer waits for a lock on PostgreSQL before the test fails.
    """
    _before(database, rows)
    done, began = threading.Event(), threading.Event()

    def write() -> int:
        number = 0
        while not done.is_set():
            with database.engine.begin() as connection:
                if not database.is_sqlite:
                    connection.execute(text(f"SET LOCAL lock_timeout = '{patience}'"))
                connection.execute(text((_ONE_EVENT % number).replace(":", "\\:")))
                connection.execute(text("UPDATE lead SET last_seq = last_seq + 1"))
                connection.execute(text("UPDATE enrolment SET cycle = cycle + 1 WHERE id = 'e1'"))
            number += 1
            began.set()
        return number

    with ThreadPoolExecutor(1) as threads:
        writer = threads.submit(write)
        began.wait()
        try:
            upgrade(database)
        finally:
            done.set()
        number = writer.result()
    check_schema(database)
    with database.engine.connect() as connection:
        seq, cycle = connection.execute(text("SELECT last_seq, cycle FROM lead")).one()
        assert (seq, cycle) == (number, 1)
        assert connection.execute(text("SELECT count(*) FROM enrolment")).scalar() == rows
        assert connection.execute(text("SELECT count(*) FROM event")).scalar() == rows + number
    assert missing_indexes(database) == []
    return number


def test_d8_upgrade_lets_others_write(database: Database) -> None:
    assert _upgrade_beside_writers(database, 5_000) > 0


@pytest.mark.fault
def test_d8_upgrade_of_a_million_rows_lets_others_write(database: Database) -> None:
    number = _upgrade_beside_writers(database, 1_000_000, patience="500ms")
    if not database.is_sqlite:
        assert number > 20  # indexes are made beside them


def test_d8_upgrade_of_postgresql_makes_indexes_beside_the_writers(database: Database) -> None:
    """Whatever a later step adds: an index that is made in one go holds writers up."""
    _before(database, 10)
    made: list[str] = []

    def listen(_c: object, _cursor: object, statement: str, *_more: object) -> None:
        if re.match(r"\s*CREATE (UNIQUE )?INDEX", statement):
            made.append(statement)

    event.listen(database.engine, "before_cursor_execute", listen)
    try:
        upgrade(database)
    finally:
        event.remove(database.engine, "before_cursor_execute", listen)
    big = [one for one in made if re.search(r" ON (event|enrolment|lead|message|turn|score_entry|due) ", one)]
    assert len(big) > 5
    if not database.is_sqlite:
        assert [one for one in big if "CONCURRENTLY" not in one] == []


def test_d8_upgrade_goes_on_after_a_cut(database: Database) -> None:
    _before(database, 10)
    if not database.is_sqlite:  # SQLite undoes the whole step
        with database.engine.begin() as connection:
            connection.execute(text("ALTER TABLE score_entry ADD COLUMN message_id VARCHAR"))
            connection.execute(text("CREATE INDEX ix_enrolment_fresh ON enrolment (moved_at)"))
            connection.execute(
                text(
                    "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'ix_enrolment_fresh'::regclass"
                )
            )
    upgrade(database)
    assert revision(database) == SCHEMA
    assert missing_indexes(database) == []


def test_missing_index_is_named(database: Database) -> None:
    upgrade(database)
    with database.engine.begin() as connection:
        connection.execute(text("DROP INDEX ix_event_pending"))
    assert missing_indexes(database) == ["ix_event_pending"]
