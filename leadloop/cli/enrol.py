"""`leadloop enrol SCENARIO`: enter leads by hand."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from leadloop.cli.environments import StateOption, open_environment
from leadloop.cli.output import JsonOption, print_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from leadloop.inbox.entries.enrolling import EnrolResult
    from leadloop.storage.environment import Environment


def enrol(
    scenario: Annotated[str, typer.Argument(help="A published scenario with a manual entry.")],
    leads: Annotated[
        list[str] | None,
        typer.Option("--lead", help="Id or mail address; may be given several times.", show_default=False),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option("--file", help="A CSV file with a column of mail addresses.", show_default=False),
    ] = None,
    segment: Annotated[
        str | None,
        typer.Option("--segment", help="Everybody who is in this segment now.", show_default=False),
    ] = None,
    record: Annotated[
        str | None,
        typer.Option("--record", metavar="KEY", help="The record the journeys run for.", show_default=False),
    ] = None,
    key: Annotated[
        str | None,
        typer.Option(
            "--key", help="The same key asks once per lead, however often it comes.", show_default=False
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say who would enter; change nothing.")] = False,
    state: StateOption = None,
    as_json: JsonOption = False,
) -> None:
    """Enter leads into a scenario, and say who does not enter and why.

    What is entered stays when the command is cut off: with the same --key the next run goes on. Of more
    than a hundred leads those that enter are counted only; --json lists everybody. Exit code 1 where
    somebody did not enter.
    """
    import sys

    from leadloop.garbage import freeze_what_is_loaded
    from leadloop.inbox.entries.enrolling import EnrolError, enrol_leads, segment_members

    if not leads and file is None and segment is None:
        raise typer.BadParameter("name somebody", param_hint="--lead, --file or --segment")
    shown = sys.stderr.isatty() and (file is not None or segment is not None)
    with open_environment(state) as env:
        named = [*(leads or ()), *(_addresses(env, file) if file is not None else ())]
        try:
            named += segment_members(env, segment) if segment is not None else []
            if len(named) > _MANY:
                freeze_what_is_loaded()
            progress = _progress(len(dict.fromkeys(named))) if shown else _quiet
            results = enrol_leads(
                env, scenario, named, record=record, key=key, dry_run=dry_run, progress=progress
            )
        except EnrolError as error:
            typer.echo(f"{error.field}: {error.message}", err=True)
            raise typer.Exit(1) from None
    if as_json:
        _print_json(results, dry_run)
    else:
        _print_text(results, dry_run)
    if any(one.status == "refused" for one in results):
        raise typer.Exit(1)


def _addresses(env: Environment, file: Path) -> list[str]:
    from leadloop.leads.csv_files import CsvFileError, open_csv, read_rows
    from leadloop.leads.import_columns import map_columns
    from leadloop.leads.names import clean_text

    try:
        opened = open_csv(file)
        position = map_columns(opened.header, env.publications.current().publication.workspace)
        column = position.positions["email"]
        cells = [row.cells[column] for row in read_rows(opened) if column < len(row.cells)]
    except CsvFileError as error:
        typer.echo(f"{file}: {error}", err=True)
        raise typer.Exit(1) from None
    return [clean_text(cell) for cell in cells if clean_text(cell)]


def _quiet(done: int) -> None:
    """Show nothing."""


def _progress(count: int) -> Callable[[int], None]:
    def show(done: int) -> None:
        typer.echo(f"\r{done:,} of {count:,} leads", err=True, nl=done >= count)

    return show


def _print_json(results: list[EnrolResult], dry_run: bool) -> None:
    from dataclasses import asdict

    items = [asdict(one) | {"reason": one.reason} for one in results]
    counts = {"status": Counter(one.status for one in results), "code": _codes(results)}
    print_json({"items": items, "counts": counts, "dry_run": dry_run})


def _codes(results: list[EnrolResult]) -> Counter[str]:
    return Counter(one.code for one in results if one.code is not None)


def _print_text(results: list[EnrolResult], dry_run: bool) -> None:
    words = _WOULD if dry_run else _DID
    many = len(results) > _LISTED
    for one in results:
        if many and one.status in ("entered", "repeated"):
            continue
        why = [one.reason] if one.reason else []
        why += [one.other] if one.other else []
        why += [f"until {one.until:%Y-%m-%d %H:%M} UTC"] if one.until else []
        typer.echo(f"{one.named}: {words[one.status]}{': ' if why else ''}{', '.join(why)}")
    counts = Counter(one.status for one in results)
    entered, refused = counts["entered"], counts["refused"]
    more = len(results) - entered - refused
    if many:
        from leadloop.inbox.entries.enrolling import REASONS

        for code, number in _codes(results).most_common():
            typer.echo(f"{number:,} × {REASONS[code]} ({code})")
    verb = "would enter" if dry_run else "entered"
    typer.echo(f"{entered:,} {verb}, {more:,} later or by another, {refused:,} not")


_LISTED = 100
_MANY = 10_000
"""For so many leads it pays to collect no garbage among what is loaded."""

_DID = {
    "entered": "entered",
    "waiting": "waits",
    "passed_on": "a colleague enters for the company",
    "refused": "does not enter",
    "repeated": "asked before with this key",
}
_WOULD = {
    "entered": "would enter",
    "waiting": "would wait",
    "passed_on": "a colleague would enter for the company",
    "refused": "would not enter",
    "repeated": "asked before with this key",
}
