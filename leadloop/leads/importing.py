"""Importing leads from a CSV file: good rows go in, bad ones are listed with line and reason.

A new lead comes in as the event `lead_created`, through the inbox like every fact from outside. A
known one (same mail address) is updated. Importing a file again changes nothing more.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from sqlmodel import Session

from leadloop.inbox.apply import Application
from leadloop.inbox.ingestion.ingest import IncomingEvent, ingest
from leadloop.language.plan import Workspace
from leadloop.leads.addresses import company_domain
from leadloop.leads.companies import find_company
from leadloop.leads.company_values import READERS, CompanyError, IncomingCompany, write_company
from leadloop.leads.consent import record_undated_opt_in
from leadloop.leads.csv_files import CsvFile, CsvFileError, CsvRow, open_csv, read_rows
from leadloop.leads.fields import read_identity, write_identity
from leadloop.leads.identity import Named, email_hash, find_lead, leads_named
from leadloop.leads.import_columns import COMPANY_PARTS, CONSENT, FULL_KANA, FULL_NAME, Columns, map_columns
from leadloop.leads.names import clean_text, split_full_name
from leadloop.leads.values import ValueProblemError
from leadloop.storage.database import lock_lead
from leadloop.storage.environment import Environment

BATCH_ROWS = 500
"""Rows in one transaction."""

PROBLEMS_KEPT = 1000


@dataclass(frozen=True)
class ImportProblem:
    """What was wrong on a line. The cells themselves are not repeated."""

    line: int
    field: str | None
    problem: str


@dataclass
class ImportReport:
    """What became of a file. `rows` = `created` + `updated` + `unchanged` + `refused`."""

    encoding: str
    ignored_columns: tuple[str, ...] = ()
    rows: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    refused: int = 0
    problem_count: int = 0
    problems: list[ImportProblem] = field(default_factory=list)
    """The first 1,000. A problem with one cell leaves out that cell, one with the address the row."""
    complete: bool = True
    """False where the file broke off and its rest was not read."""
    dry_run: bool = False

    def add_problem(self, line: int, name: str | None, problem: str) -> None:
        self.problem_count += 1
        if len(self.problems) < PROBLEMS_KEPT:
            self.problems.append(ImportProblem(line, name, problem))


@dataclass(frozen=True)
class _ReadRow:
    line: int
    email: str
    identity: dict[str, Any]
    company: dict[str, Any]
    """What the row says of the lead's company."""


def import_leads(
    env: Environment,
    path: Path,
    *,
    dry_run: bool = False,
    progress: Callable[[ImportReport], None] = lambda report: None,
) -> ImportReport:
    """Import a file in transactions of 500 rows; `progress` is called after each.

    Raises `CsvFileError` for a file that is no CSV or lacks a column for the address, before anything
    is written. A file that breaks off in the middle keeps the rows before and lists the break.
    """
    file = open_csv(path)
    workspace = env.publications.current().publication.workspace
    columns = map_columns(file.header, workspace)
    report = ImportReport(file.encoding, columns.ignored, dry_run=dry_run)
    rows = _good_rows(file, columns, workspace, report)
    seen: set[str] = set()
    while batch := list(islice(rows, BATCH_ROWS)):
        if dry_run:
            with env.database.read() as session:
                for row in batch:
                    _count_dry(session, env, row, report, seen)
        else:
            # First and by themselves: who holds a lead's lock may wait for a company, not the other way.
            with env.database.write() as session:
                renewed = {row.line for row in batch if _write_company(session, env, row, report)}
            with env.database.write() as session:
                _import_rows(session, env, file, batch, workspace, report, renewed)
        progress(report)
    return report


def _good_rows(
    file: CsvFile, columns: Columns, workspace: Workspace, report: ImportReport
) -> Iterator[_ReadRow]:
    for row in sound_rows(file, columns.width, report):
        read = _read_row(row, columns, workspace, report)
        if read is None:
            report.refused += 1
        else:
            yield read


def sound_rows(file: CsvFile, width: int, report: ImportReport) -> Iterator[CsvRow]:
    """Yield the rows that can be read at all, and count every row; a file that breaks off is noted."""
    rows = read_rows(file)
    while True:
        try:
            row = next(rows)
        except StopIteration:
            return
        except CsvFileError as error:
            report.complete = False
            report.add_problem(error.line or 0, None, f"{error.message}; the rest of the file was not read")
            return
        report.rows += 1
        problem = None
        if len(row.cells) > width:
            problem = f"the row has {len(row.cells)} cells, the header {width}"
        elif any("\x00" in cell for cell in row.cells):
            problem = "the row contains a NUL character"
        if problem is None:
            yield row
        else:
            report.refused += 1
            report.add_problem(row.line, None, problem)


def cells_of(row: CsvRow, columns: Columns) -> dict[str, str]:
    """Return the cells that say something, by the name of their column."""
    return {
        name: row.cells[position]
        for name, position in columns.positions.items()
        if position < len(row.cells) and clean_text(row.cells[position])
    }


def _read_row(row: CsvRow, columns: Columns, workspace: Workspace, report: ImportReport) -> _ReadRow | None:
    cells = cells_of(row, columns)
    _split_names(cells)
    consent = cells.pop(CONSENT, None)
    company = _read_company(row.line, cells, report)
    read = read_identity(cells, workspace)
    for name, problem in read.problems.items():
        report.add_problem(row.line, name, problem)
    email = read.values.pop("email", None)
    if email is None:
        if "email" not in read.problems:
            report.add_problem(row.line, "email", "the mail address is empty")
        return None
    identity = dict(read.values)
    if consent is not None:
        identity[CONSENT] = clean_text(consent)
    return _ReadRow(row.line, email, identity, company)


def _read_company(line: int, cells: dict[str, str], report: ImportReport) -> dict[str, Any]:
    """Take the columns about the company out of the cells; a cell with a problem is left out."""
    values: dict[str, Any] = {}
    for part in COMPANY_PARTS:
        text = cells.pop(part, None)
        name = part.removeprefix("company_")
        try:
            if text is not None:
                values[name] = READERS[name](text)
        except ValueProblemError as error:
            report.add_problem(line, part, str(error))
    return values


def _write_company(session: Session, env: Environment, row: _ReadRow, report: ImportReport) -> bool:
    """Write what a row says of the company that its lead will be attached to; return whether it changed."""
    if not row.company:
        return False
    name = row.identity.get("company")
    known = None if name else find_company(session, "", company_domain(row.email))
    key = name or (known.id if known is not None else row.company.get("domain"))
    if key is None:
        report.add_problem(row.line, "company", "the row names no company that its company columns are about")
        return False
    try:
        return (
            write_company(session, IncomingCompany(key, row.company), env.clock.now()).status != "unchanged"
        )
    except CompanyError as error:
        for one in error.problems:
            report.add_problem(row.line, f"company_{one.field}", one.problem)
        return False


def _split_names(cells: dict[str, str]) -> None:
    """Put a whole name into the parts that have no column or cell of their own."""
    for whole, family, given in (
        (FULL_NAME, "family_name", "given_name"),
        (FULL_KANA, "family_kana", "given_kana"),
    ):
        text = cells.pop(whole, None)
        if text and family not in cells and given not in cells:
            cells[family], cells[given] = split_full_name(text)


def _import_rows(
    session: Session,
    env: Environment,
    file: CsvFile,
    batch: Sequence[_ReadRow],
    workspace: Workspace,
    report: ImportReport,
    renewed: Collection[int],
) -> None:
    """Store the new people of a batch at once, then update those who are known, one by one."""
    hashes = {row.line: email_hash(env, row.email) for row in batch}
    known = leads_named(session, hashes.values())
    new: dict[str, _ReadRow] = {}
    for row in batch:
        if hashes[row.line] not in known:
            new.setdefault(hashes[row.line], row)
    _store_new(session, env, file, list(new.values()), report)
    stored = {row.line for row in new.values()}
    rest = [row for row in batch if row.line not in stored]
    known = leads_named(session, [hashes[row.line] for row in rest]) if rest else {}
    # In the order of the leads' ids: two imports of the same people do not wait for each other in a circle.
    for row in sorted(rest, key=lambda row: _lead_id(known, hashes[row.line])):
        found = known.get(hashes[row.line])
        if found is None:  # an earlier row of the same address was refused
            _store_new(session, env, file, [row], report)
        elif found.erased:
            report.refused += 1
            report.add_problem(row.line, "email", "this person was erased")
        else:
            changed = _update_lead(session, env, found.lead_id, row, workspace) or row.line in renewed
            report.updated += changed
            report.unchanged += not changed


def _lead_id(known: Mapping[str, Named], hashed: str) -> str:
    found = known.get(hashed)
    return found.lead_id if found is not None else ""


def _store_new(
    session: Session, env: Environment, file: CsvFile, rows: Sequence[_ReadRow], report: ImportReport
) -> None:
    events = [
        IncomingEvent(
            type="lead_created",
            email=row.email,
            identity=row.identity,
            external_id=f"{file.digest[:32]}:{row.line}",
            source="import",
            trust="verified",
        )
        for row in rows
    ]
    for row, result in zip(rows, ingest(session, env, events) if events else (), strict=True):
        if result.status == "accepted":
            report.created += 1
        else:  # the key of an earlier import of this line outlives its lead
            report.refused += 1
            report.add_problem(row.line, None, result.problem or "imported before, and the lead erased since")


def _update_lead(
    session: Session, env: Environment, lead_id: str, row: _ReadRow, workspace: Workspace
) -> bool:
    now = env.clock.now()
    application = Application(session, env, lock_lead(session, lead_id), now)
    application.apply_pending()
    lead = application.lead
    changed = bool(write_identity(session, env, lead, row.identity, now))
    changed |= record_undated_opt_in(session, lead.id, row.identity.get(CONSENT), workspace, now)
    if changed:
        application.changed()
        application.settle()
    return changed


def _count_dry(
    session: Session, env: Environment, row: _ReadRow, report: ImportReport, seen: set[str]
) -> None:
    known = find_lead(session, env, row.email)
    if known is not None and known.erased_at is not None:
        report.refused += 1
        report.add_problem(row.line, "email", "this person was erased")
    elif known is not None or row.email.lower() in seen:
        report.updated += 1
    else:
        report.created += 1
    seen.add(row.email.lower())
