"""Importing records of one kind from a CSV file: good rows go in, bad ones are listed with line and reason.

Each row is an upsert, so importing a file again changes nothing more. An empty cell changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from sqlmodel import Session

from leadloop.language.plan import RecordKind
from leadloop.leads.csv_files import CsvFile, CsvRow, open_csv
from leadloop.leads.import_columns import FIELD, KEY, Columns, map_record_columns
from leadloop.leads.importing import BATCH_ROWS, ImportReport, cells_of, sound_rows
from leadloop.leads.names import clean_text
from leadloop.leads.record_values import read_cell
from leadloop.leads.records import (
    IncomingRecord,
    RecordError,
    check_record,
    compare_record,
    record_kind,
    write_record,
)
from leadloop.leads.values import ValueProblemError
from leadloop.storage.environment import Environment

_Row = tuple[int, IncomingRecord]


def import_records(
    env: Environment,
    kind: str,
    path: Path,
    *,
    dry_run: bool = False,
    progress: Callable[[ImportReport], None] = lambda report: None,
) -> ImportReport:
    """Import a file in transactions of 500 rows; `progress` is called after each.

    Raises `NoSuchKindError`, and `CsvFileError` for a file that is no CSV or lacks a column for the
    key, before anything is written. A row with a problem in any cell is left out whole.
    """
    with env.database.read() as session:
        declared = record_kind(env, session, kind)
    file = open_csv(path)
    columns = map_record_columns(file.header, declared)
    report = ImportReport(file.encoding, columns.ignored, dry_run=dry_run)
    rows = _good_rows(file, columns, kind, declared, report)
    seen: set[str] = set()
    while batch := list(islice(rows, BATCH_ROWS)):
        with env.database.read() if dry_run else env.database.write() as session:
            for line, incoming in batch:
                _import_row(session, env, line, incoming, report, seen)
        progress(report)
    return report


def _good_rows(
    file: CsvFile, columns: Columns, kind: str, declared: RecordKind, report: ImportReport
) -> Iterator[_Row]:
    for row in sound_rows(file, columns.width, report):
        incoming = _read_row(row, columns, kind, declared, report)
        if incoming is None:
            report.refused += 1
        else:
            yield row.line, incoming


def _read_row(
    row: CsvRow, columns: Columns, kind: str, declared: RecordKind, report: ImportReport
) -> IncomingRecord | None:
    cells = cells_of(row, columns)
    fields: dict[str, Any] = {}
    sound = True
    for name, spec in declared.fields.items():
        text = cells.get(f"{FIELD}{name}")
        if text is None:
            continue
        try:
            fields[name] = read_cell(text, spec)
        except ValueProblemError as error:
            report.add_problem(row.line, name, str(error))
            sound = False
    key = clean_text(cells.get(KEY, ""))
    if not key:
        report.add_problem(row.line, KEY, "the key is empty")
        sound = False
    email, company = cells.get("email"), cells.get("company")
    lead = clean_text(email) if email else None
    return IncomingRecord(kind, key, fields, lead, company) if sound else None


def _import_row(
    session: Session,
    env: Environment,
    line: int,
    incoming: IncomingRecord,
    report: ImportReport,
    seen: set[str],
) -> None:
    try:
        checked = check_record(session, env, incoming)
    except RecordError as error:
        report.refused += 1
        for one in error.problems:
            report.add_problem(line, one.field.removeprefix(FIELD), one.problem)
        return
    if report.dry_run:
        status = compare_record(session, env, checked).status
        if status == "created" and checked.key in seen:  # an earlier row of the file would create it
            status = "changed"
        seen.add(checked.key)
    else:
        status = write_record(session, env, checked).status
    report.created += status == "created"
    report.updated += status == "changed"
    report.unchanged += status == "unchanged"
