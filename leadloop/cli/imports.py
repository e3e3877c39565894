"""`leadloop import FILE`: leads, companies, or records of one kind, from a CSV file."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from leadloop.cli.environments import StateOption, open_environment

if TYPE_CHECKING:
    from leadloop.leads.importing import ImportReport

_PROBLEMS_SHOWN = 20


def import_file(
    file: Annotated[Path, typer.Argument(help="A CSV file, UTF-8 or Shift_JIS, with a heading row.")],
    records: Annotated[
        str | None,
        typer.Option(
            "--records",
            metavar="KIND",
            help="Import records of this kind: a column `key`, its fields, `email` and `company`.",
            show_default=False,
        ),
    ] = None,
    companies: Annotated[
        bool,
        typer.Option(
            "--companies", help="Import companies: columns `name`, `domain`, `owner`, `stage`, `timezone`."
        ),
    ] = False,
    state: StateOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check and count only; write nothing.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON document on standard output, nothing else there.")
    ] = False,
) -> None:
    """Import leads, companies, or records of one kind. Good rows go in, bad ones are listed.

    Importing a file again changes nothing more.

    Exit code 1 where a row was refused or the file could not be read to its end.
    """
    import sys

    from leadloop.leads.company_importing import import_companies
    from leadloop.leads.csv_files import CsvFileError
    from leadloop.leads.importing import import_leads
    from leadloop.leads.record_importing import import_records
    from leadloop.leads.records import NoSuchKindError

    if companies and records is not None:
        typer.echo("--companies and --records do not go together: import one file after the other", err=True)
        raise typer.Exit(2)
    progress = _show_progress if sys.stderr.isatty() and not as_json else _quiet
    with open_environment(state) as env:
        try:
            if companies:
                report = import_companies(env, file, dry_run=dry_run, progress=progress)
            elif records is None:
                report = import_leads(env, file, dry_run=dry_run, progress=progress)
            else:
                report = import_records(env, records, file, dry_run=dry_run, progress=progress)
        except CsvFileError as error:
            typer.echo(f"{file}: {error}", err=True)
            raise typer.Exit(1) from None
        except NoSuchKindError as error:
            typer.echo(error.problems[0].problem, err=True)
            raise typer.Exit(1) from None
    if as_json:
        _print_json(report)
    else:
        _print_text(file, report, _things(companies, records))
    if report.refused or not report.complete:
        raise typer.Exit(1)


def _things(companies: bool, records: str | None) -> str:
    if companies:
        return "companies"
    return "leads" if records is None else f"records ({records})"


def _quiet(report: ImportReport) -> None:
    """Show nothing."""


def _show_progress(report: ImportReport) -> None:
    typer.echo(f"\r{report.rows:,} rows", err=True, nl=False)


def _print_json(report: ImportReport) -> None:
    import json

    typer.echo(json.dumps(asdict(report), ensure_ascii=False, indent=2))


def _print_text(file: Path, report: ImportReport, things: str) -> None:
    for found in report.problems[:_PROBLEMS_SHOWN]:
        where = f"{file}:{found.line}" + (f" ({found.field})" if found.field else "")
        typer.echo(f"{where}: {found.problem}")
    if report.problem_count > _PROBLEMS_SHOWN:
        typer.echo(f"… and {report.problem_count - _PROBLEMS_SHOWN:,} more problems; --json lists them")
    if report.ignored_columns:
        thing = {"leads": "lead", "companies": "company"}.get(things, "record")
        typer.echo(f"columns that no {thing} field is named like: {', '.join(report.ignored_columns)}")
    would = "would be " if report.dry_run else ""
    typer.echo(
        f"{report.rows:,} rows ({'cp932' if report.encoding == 'cp932' else 'UTF-8'}): "
        f"{report.created:,} {things} {would}created, {report.updated:,} {would}updated, "
        f"{report.unchanged:,} unchanged, {report.refused:,} rows refused"
    )
