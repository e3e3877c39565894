"""Importing records from CSV files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlmodel import col, select

from leadloop.language import plan as p
from leadloop.leads.csv_files import CsvFileError
from leadloop.leads.importing import ImportReport
from leadloop.leads.record_importing import import_records
from leadloop.leads.records import NoSuchKindError
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Record
from tests.factories import ManualClock, make_lead
from tests.inbox.seminars import environment, plan

CONTRACTS = """管理番号,renews_on,status,メールアドレス,会社名,備考
K-1,2027年2月1日,active,hanako@kaisha.example,,要連絡
K-2,2027-05,ended,,株式会社ガンマ,
"""


@pytest.fixture
def env(tmp_path: Path, clock: ManualClock) -> Iterator[Environment]:
    step = p.WaitStep(id="w", wait=p.WaitSpec(span=p.Span(amount=300, unit="days")))
    opened = environment(tmp_path / "state", clock, plan(step))
    with opened.database.write() as session:
        make_lead(session, opened, email="hanako@kaisha.example", company="株式会社ベータ")
    yield opened
    opened.database.close()


def records(env: Environment) -> list[Record]:
    with env.database.read() as session:
        return list(session.exec(select(Record).order_by(col(Record.key))).all())


def write(tmp_path: Path, text: str, encoding: str = "utf-8") -> Path:
    path = tmp_path / "契約.csv"
    path.write_bytes(text.encode(encoding))
    return path


def counts(report: ImportReport) -> tuple[int, int, int, int]:
    assert report.rows == report.created + report.updated + report.unchanged + report.refused
    return report.created, report.updated, report.unchanged, report.refused


def listed(report: ImportReport) -> list[tuple[int, str | None, str]]:
    rows = [(one.line, one.field, one.problem) for one in report.problems]
    return sorted(rows, key=lambda row: row[0])


@pytest.mark.parametrize("encoding", ["utf-8", "cp932"])
def test_records_come_in_once_however_often_the_file_does(
    env: Environment, tmp_path: Path, encoding: str
) -> None:
    path = write(tmp_path, CONTRACTS, encoding)
    first, again = import_records(env, "contract", path), import_records(env, "contract", path)
    assert (counts(first), counts(again)) == ((2, 0, 0, 0), (0, 0, 2, 0))
    assert first.ignored_columns == ("備考",)
    one, two = records(env)
    assert one.fields == {"renews_on": "2027-02-01", "status": "active"}
    assert two.fields == {"renews_on": "2027-05", "status": "ended"}
    assert one.lead_id is not None
    assert two.lead_id is None
    assert one.company_id not in (None, two.company_id)


def test_an_empty_cell_changes_nothing(env: Environment, tmp_path: Path) -> None:
    import_records(env, "contract", write(tmp_path, CONTRACTS))
    report = import_records(env, "contract", write(tmp_path, "key,renews_on,status\nK-1,2028-02-01,\n"))
    assert counts(report) == (0, 1, 0, 0)
    assert records(env)[0].fields == {"renews_on": "2028-02-01", "status": "active"}


def test_a_dry_run_counts_and_writes_nothing(env: Environment, tmp_path: Path) -> None:
    path = write(tmp_path, CONTRACTS + "K-1,2027-03-01,,hanako@kaisha.example,,\n")
    assert counts(import_records(env, "contract", path, dry_run=True)) == (2, 1, 0, 0)
    assert records(env) == []
    assert counts(import_records(env, "contract", path)) == (2, 1, 0, 0)


def test_a_row_with_a_problem_is_left_out_and_listed(env: Environment, tmp_path: Path) -> None:
    text = (
        "key,renews_on,status,email,company\n"
        ",2027-02-01,active,,株式会社ガンマ\n"
        "K-3,soon,activ,,株式会社ガンマ\n"
        "K-4,2027-02-01,active,nobody@kaisha.example,\n"
        "K-5,2027-02-01,active,,株式会社ガンマ,too,many\n"
        "K-6,2027-02-01,active,,株式会社ガンマ\n"
    )
    report = import_records(env, "contract", write(tmp_path, text))
    assert counts(report) == (1, 0, 0, 4)
    assert listed(report) == [
        (2, "key", "the key is empty"),
        (3, "renews_on", "not a date; an example is 2027-04-05"),
        (3, "status", "not one of active, ended"),
        (4, "lead", "there is no such lead; name it by its id or mail address"),
        (5, None, "the row has 7 cells, the header 5"),
    ]
    assert [row.key for row in records(env)] == ["K-6"]


def test_a_file_that_breaks_off_keeps_the_rows_before(env: Environment, tmp_path: Path) -> None:
    report = import_records(env, "seminar", write(tmp_path, 'key,title\ns1,入門\ns2,"応用\n'))
    assert (report.complete, counts(report)) == (False, (1, 0, 0, 0))
    assert [row.key for row in records(env)] == ["s1"]


def test_a_file_needs_a_key_and_a_declared_kind(env: Environment, tmp_path: Path) -> None:
    path = write(tmp_path, "title\n入門\n")
    with pytest.raises(CsvFileError, match="no column is headed `key` or `キー`; found: title"):
        import_records(env, "seminar", path)
    with pytest.raises(NoSuchKindError, match="did you mean `seminar`"):
        import_records(env, "semina", path)
