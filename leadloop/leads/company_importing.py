"""Importing companies from a CSV file: good rows go in, bad ones are listed with line and reason.

Each row is an upsert, so importing a file again changes nothing more. An empty cell changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from pathlib import Path

from sqlmodel import Session

from leadloop.leads.company_values import (
    READERS,
    CompanyError,
    IncomingCompany,
    compare_company,
    write_company,
)
from leadloop.leads.csv_files import CsvRow, open_csv
from leadloop.leads.import_columns import Columns, map_company_columns
from leadloop.leads.importing import BATCH_ROWS, ImportReport, cells_of, sound_rows
from leadloop.leads.names import clean_text, company_key
from leadloop.storage.environment import Environment


def import_companies(
    env: Environment,
    path: Path,
    *,
    dry_run: bool = False,
    progress: Callable[[ImportReport], None] = lambda report: None,
) -> ImportReport:
    """Import a file in transactions of 500 rows; `progress` is called after each.

    A company is found by its name in any spelling, without a name by its domain. Raises `CsvFileError` for
    a file that is no CSV or has a column for neither, before anything is written. A row with a problem in any
    cell is left out whole.
    """
    file = open_csv(path)
    columns = map_company_columns(file.header)
    report = ImportReport(file.encoding, columns.ignored, dry_run=dry_run)
    rows = sound_rows(file, columns.width, report)
    seen: set[str] = set()
    while batch := list(islice(rows, BATCH_ROWS)):
        with env.database.read() if dry_run else env.database.write() as session:
            for row in batch:
                _import_row(session, env, row, columns, report, seen)
        progress(report)
    return report


def _import_row(
    session: Session, env: Environment, row: CsvRow, columns: Columns, report: ImportReport, seen: set[str]
) -> None:
    cells = cells_of(row, columns)
    key = clean_text(cells.get("name") or cells.get("domain") or "")
    if not key:
        report.refused += 1
        report.add_problem(row.line, "name", "the name and the domain are empty")
        return
    values = {name: cells[name] for name in READERS if name in cells and name != "name"}
    try:
        if report.dry_run:
            status = compare_company(session, IncomingCompany(key, values))
            if status == "created" and company_key(key) in seen:  # an earlier row would create it
                status = "changed"
            seen.add(company_key(key))
        else:
            status = write_company(session, IncomingCompany(key, values), env.clock.now()).status
    except CompanyError as error:
        report.refused += 1
        for one in error.problems:
            report.add_problem(row.line, one.field, one.problem)
        return
    report.created += status == "created"
    report.updated += status == "changed"
    report.unchanged += status == "unchanged"
