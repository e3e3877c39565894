"""What a database does for the queries that the engine asks all the time: fills one, listens, explains."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, event
from sqlmodel import insert, text

from leadloop.storage.columns import new_id
from leadloop.storage.database import Database
from leadloop.storage.environment import Environment
from leadloop.storage.tables import (
    ArmedWait,
    Consent,
    Due,
    Enrolment,
    EnrolmentStatus,
    Event,
    Lead,
    Message,
    MessageStatus,
    ScoreEntry,
    Turn,
)
from tests.factories import NOW

BIG = frozenset(
    {"lead", "event", "enrolment", "message", "armed_wait", "due", "turn", "score_entry", "consent"}
)
"""Tables that grow with people and time. `wake` is a queue: it is read from its front, or whole."""

_CLICKED = {"kind": "event", "event": "email_clicked"}
_TABLES = (Lead, Consent, Event, Enrolment, Turn, ArmedWait, Message, ScoreEntry, Due)


@dataclass(frozen=True)
class Asked:
    """One statement as it was sent, and what the database says it does for it."""

    sql: str
    plan: tuple[str, ...]

    def scanned(self) -> set[str]:
        """Return the big tables that are read from end to end."""
        return {table for line in self.plan if (table := _scanned(line)) in BIG}


def fill(env: Environment, leads: int = 1500) -> str:
    """Fill a published database with people whose journeys wait or are over; return one of them."""
    with env.database.write() as session:
        publication = env.publications.current(session)
        digest = publication.parts["plan:whitepaper-nurture"]
        ids = [new_id() for _ in range(leads)]
        rows: dict[Any, list[dict[str, Any]]] = {table: [] for table in _TABLES}
        for number, lead_id in enumerate(ids):
            at = NOW - timedelta(minutes=number)
            name = f"p{number}@example.jp"
            rows[Lead].append({"id": lead_id, "email": name, "created_at": at, "last_seq": 4})
            rows[Consent].append({"lead_id": lead_id, "topic": "*", "basis": "opt_in", "at": at})
            for seq in range(1, 5):
                rows[Event].append({
                    "subject_id": lead_id, "lead_id": lead_id, "lead_seq": seq, "type": "page_viewed",
                    "source": "api", "occurred_at": at, "received_at": at, "applied_at": at,
                })  # fmt: skip
                rows[ScoreEntry].append({
                    "entry_key": new_id(), "lead_id": lead_id, "model": "engagement", "rule_id": "web-visit",
                    "points": 3, "ruleset_digest": "", "at": at,
                })  # fmt: skip
            for ended in (False, True):
                journey = new_id()
                rows[Enrolment].append({
                    "id": journey, "scenario": "whitepaper-nurture", "plan_digest": digest,
                    "publication_id": publication.id, "lead_id": lead_id, "subject_key": lead_id,
                    "status": EnrolmentStatus.ENDED if ended else EnrolmentStatus.RUNNING, "turn_no": 2,
                    "state": {"step": "read"}, "next": {"kind": "end" if ended else "wait"},
                    "entered_at": at, "moved_at": at, "ended_at": at if ended else None,
                    "due_at": None if ended else NOW + timedelta(days=5 + number),
                })  # fmt: skip
                rows[Turn] += [
                    {"enrolment_id": journey, "turn_no": no, "generation": 1, "at": at} for no in (1, 2)
                ]
                rows[Message].append({
                    "send_key": new_id(), "enrolment_id": journey, "publication_id": publication.id,
                    "step_id": "thanks", "visit": 1, "lead_id": lead_id, "scenario": "whitepaper-nurture",
                    "topic": "service", "template": "thanks", "status": MessageStatus.SENT,
                    "created_at": at, "sent_at": at,
                })  # fmt: skip
                if not ended:
                    rows[ArmedWait].append({
                        "enrolment_id": journey, "turn_no": 2, "branch": 0, "lead_id": lead_id,
                        "event_type": "email_clicked", "since_seq": 1, "match": _CLICKED,
                    })  # fmt: skip
            rows[Due].append({
                "key": f"decay:{lead_id}:engagement", "lead_id": lead_id, "kind": "decay",
                "due_at": NOW + timedelta(days=20 + number),
            })  # fmt: skip
        for table, values in rows.items():
            session.exec(insert(table), params=[table(**value).model_dump() for value in values])
    with env.database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))
    return ids[len(ids) // 2]


@contextmanager
def statements_of(database: Database) -> Iterator[list[Asked]]:
    """Explain every statement that reads or changes rows while the block runs."""
    found: list[Asked] = []
    seen: set[str] = set()

    def listen(connection: Connection, cursor: Any, sql: str, parameters: Any, _: Any, many: bool) -> None:
        if sql in seen or not re.match(r"\s*(SELECT|UPDATE|DELETE)", sql):
            return
        seen.add(sql)
        cursor = connection.connection.cursor()
        prefix = "EXPLAIN QUERY PLAN " if database.is_sqlite else "EXPLAIN (FORMAT JSON) "
        cursor.execute(prefix + sql, parameters[0] if many else parameters)
        lines = cursor.fetchall()
        cursor.close()
        plan = [str(row[3]) for row in lines] if database.is_sqlite else list(_lines(lines[0][0][0]["Plan"]))
        found.append(Asked(sql, tuple(plan)))

    engines = {database.engine, database._read_engine}
    for engine in engines:
        event.listen(engine, "before_cursor_execute", listen)
    try:
        yield found
    finally:
        for engine in engines:
            event.remove(engine, "before_cursor_execute", listen)


@contextmanager
def read_in_vain(database: Database) -> Iterator[dict[str, int]]:
    """Run every query twice while the block runs, and count the rows that its plan read and threw away.

    For PostgreSQL. By the statement; those that threw nothing away are not there.
    """
    found: dict[str, int] = {}

    def listen(connection: Connection, cursor: Any, sql: str, parameters: Any, _: Any, many: bool) -> None:
        if not sql.startswith("SELECT"):
            return
        cursor = connection.connection.cursor()
        cursor.execute("EXPLAIN (ANALYZE, TIMING off, FORMAT JSON) " + sql, parameters)
        removed = _removed(cursor.fetchall()[0][0][0]["Plan"])
        cursor.close()
        if removed:
            found[sql] = found.get(sql, 0) + removed

    event.listen(database.engine, "before_cursor_execute", listen)
    try:
        yield found
    finally:
        event.remove(database.engine, "before_cursor_execute", listen)


def _removed(node: dict[str, Any]) -> int:
    own = sum(node.get(name, 0) for name in ("Rows Removed by Filter", "Rows Removed by Index Recheck"))
    return int(own * node["Actual Loops"]) + sum(_removed(inner) for inner in node.get("Plans", ()))


def _lines(node: dict[str, Any]) -> Iterator[str]:
    table = node.get("Relation Name")
    yield " ".join(filter(None, [node["Node Type"], node.get("Index Name"), table and f"on {table}"]))
    for inner in node.get("Plans", ()):
        yield from _lines(inner)


def _scanned(line: str) -> str | None:
    """Return the table that a line reads from end to end, without an index that finds or orders."""
    match = re.fullmatch(r"Seq Scan on (\w+)|SCAN (\w+)(?: USING AUTOMATIC.*)?", line)
    return next(filter(None, match.groups()), None) if match else None
