"""The schema of the first release, with rows in it, becomes today's and keeps every row."""

from __future__ import annotations

from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import inspect, text
from sqlmodel import select

from leadloop.storage.database import Database
from leadloop.storage.migrations import check_schema, revision, upgrade
from leadloop.storage.tables import Due, Enrolment, Lead, Offer, PublicationRow, Record, Task

AT = "2026-11-16 01:00:00+00:00"
_ROWS: dict[str, dict[str, Any]] = {
    "lead": {
        "id": "l1", "email": "yamada@example.jp", "family_name": "山田", "stage": "lead", "tags": "[]",
        "fields": '{"industry": "it"}', "created_at": AT, "last_seq": 4, "transition_truth": "{}", "cycle": 1,
        "in_sales": False,
    },
    "publication": {
        "id": "p1", "digest": "d", "parts": "{}", "published_at": AT, "published_by": "佐藤",
    },
    "enrolment": {
        "id": "e1", "scenario": "whitepaper-nurture", "plan_digest": "x", "publication_id": "p1",
        "lead_id": "l1", "record_key": "", "generation": 1, "status": "running", "turn_no": 0, "state": "{}",
        "next": "{}", "shielded": False, "entered_at": AT, "entered_seq": 1, "moved_at": AT, "cycle": 0,
    },
    "due": {"key": "cooldown:l1", "lead_id": "l1", "kind": "cooldown", "due_at": AT},
    "offer": {
        "id": "o1", "offer_key": "k", "enrolment_id": "e1", "step_id": "sales", "visit": 1, "lead_id": "l1",
        "queue": "inside-sales", "assignee": "sato@acme.example", "status": "offered", "reasons": "[]",
        "offered_at": AT,
    },
    "task": {
        "id": "t1", "task_key": "k", "enrolment_id": "e1", "step_id": "call", "visit": 1, "lead_id": "l1",
        "type": "call", "title": "電話", "assignee": "sato@acme.example", "outcomes": "[]", "status": "open",
        "created_at": AT, "due_at": AT,
    },
}  # fmt: skip


def _first_release(database: Database) -> None:
    """Make the schema 0001 and put rows into it, as that release wrote them."""
    config = Config()
    config.set_main_option("script_location", "leadloop:storage/alembic")
    config.attributes["engine"] = database.engine
    command.upgrade(config, "0001")
    with database.engine.begin() as connection:
        for table, row in _ROWS.items():
            names = ", ".join(f'"{name}"' for name in row)
            places = ", ".join(f":{name}" for name in row)
            connection.execute(text(f"INSERT INTO {table} ({names}) VALUES ({places})"), row)


def test_rows_of_the_first_release_are_kept(database: Database) -> None:
    _first_release(database)
    assert revision(database) == "0001"
    upgrade(database)
    check_schema(database)
    with database.read() as session:
        lead = session.get_one(Lead, "l1")
        assert (lead.family_name, lead.fields, lead.segments) == ("山田", {"industry": "it"}, [])
        enrolment = session.get_one(Enrolment, "e1")
        assert (enrolment.subject_key, enrolment.record_key) == ("l1", "")
        assert (enrolment.move_to, enrolment.locked_at, enrolment.clock_shift_seconds) == (None, None, 0)
        assert session.get_one(Due, "cooldown:l1").detail == {}
        assert session.get_one(Offer, "o1").what == "lead"
        task = session.get_one(Task, "t1")
        assert (task.asks, task.asks_date, task.date) == ([], False, None)
        assert session.get_one(PublicationRow, "p1").approved_by is None
        assert session.exec(select(Record)).all() == []


def test_second_open_journey_is_refused_as_before(database: Database) -> None:
    _first_release(database)
    upgrade(database)
    (index,) = [
        one for one in inspect(database.engine).get_indexes("enrolment") if one["name"] == "uq_enrolment_open"
    ]
    assert (index["column_names"], bool(index["unique"])) == (["scenario", "subject_key", "record_key"], True)


def test_reasons_of_earlier_holds_get_their_codes(database: Database) -> None:
    reasons = {
        "condition of `read` failed: no such overload": "condition_failed",
        "goal failed: 100 / lead.employees": "condition_failed",
        "`w` waits for `lead.renewal`, and that date is not known": "unknown_date",
        "the new version has no step `read`, and `on_edit` does not map it": "lost_step",
        "more than 100 steps in one turn: a loop without a wait": "loop",
        "no stream `tips` is published": "no_stream",
        "the mail of `thanks` failed: gave_up smtp_451": "mail_failed",
        "the call of `crm` to `crm` failed: http_404": "call_failed",
        "its turn 3 failed for an hour: KeyError, see log 1": "turn_failed",
        "restored from a backup, and no history of Temporal tells which mails it has sent since": "restored",
        "`read` waits for its mail only": "other",
    }
    _first_release(database)
    with database.engine.begin() as connection:
        for number, reason in enumerate(reasons):
            values = _ROWS["enrolment"] | {"id": f"h{number}", "scenario": f"s{number}", "status": "held"}
            names = ", ".join(f'"{name}"' for name in (*values, "held_reason"))
            places = ", ".join(f":{name}" for name in (*values, "held_reason"))
            connection.execute(
                text(f"INSERT INTO enrolment ({names}) VALUES ({places})"), values | {"held_reason": reason}
            )
    upgrade(database)
    with database.read() as session:
        rows = session.exec(select(Enrolment.held_reason, Enrolment.held_code)).all()
    assert {str(reason): code for reason, code in rows if reason is not None} == reasons
    assert [code for reason, code in rows if reason is None] == [None]
