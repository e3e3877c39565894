"""Whom a preview or a test mail is for: `--lead FILE|ID`, `--with NAME=VALUE`, or a made-up lead."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from leadloop.cli.environments import find_lead_id, open_environment

if TYPE_CHECKING:
    from leadloop.delivery.preview_lead import Reader
    from leadloop.language.plan import FieldSpec, Plan, Publication

WithOption = Annotated[
    list[str] | None,
    typer.Option(
        "--with",
        metavar="NAME=VALUE",
        help="A value of journey or lead: run.entry.reason=timing, lead.industry=it. May be repeated.",
        show_default=False,
    ),
]


def find_reader(
    publication: Publication,
    plan: Plan | None,
    lead: str | None,
    values: list[str] | None,
    state: Path | None,
) -> Reader:
    """Return the reader that the options name; exit with code 1 on a mistake in them."""
    from leadloop.cli.lead_files import LeadFileError

    try:
        reader = _reader(publication, plan, lead, state)
        for pair in values or []:
            reader = _with(reader, publication, plan, pair)
    except LeadFileError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
    return reader


def _reader(publication: Publication, plan: Plan | None, lead: str | None, state: Path | None) -> Reader:
    from leadloop.cli.lead_files import SUFFIXES, read_lead_file
    from leadloop.delivery.preview_lead import Reader, made_up_lead, made_up_run, stored_lead, stored_run
    from leadloop.storage.tables import Lead

    now = datetime.now(UTC)
    if lead is None:
        person = made_up_lead(publication, plan, now)
        return Reader(person, made_up_run(publication, plan, now), "a made-up lead")
    if lead.lower().endswith(SUFFIXES) or Path(lead).is_file():
        person = read_lead_file(Path(lead), publication)
        return Reader(person, {"entered_at": now, "cycle": person.get("cycle", 0)}, lead)
    with open_environment(state) as env:
        lead_id = find_lead_id(env, lead)
        with env.database.read() as session:
            row = session.get_one(Lead, lead_id)
            person = stored_lead(session, publication, row, now)
            return Reader(person, stored_run(session, env, plan, row, now), f"lead {lead_id}")


def _with(reader: Reader, publication: Publication, plan: Plan | None, pair: str) -> Reader:
    """Return the reader with one more value, read by its declared type."""
    from leadloop.cli.lead_files import LeadFileError, read_field
    from leadloop.delivery.preview_lead import put
    from leadloop.leads.values import ValueProblemError, read_declared

    path, equals, text = pair.partition("=")
    root, _, name = path.strip().partition(".")
    if not equals or not name:
        raise LeadFileError(f"--with {pair}: write `NAME=VALUE`, for example `run.entry.reason=timing`")
    where = f"--with {path.strip()}"
    if root == "lead" and name.startswith("company."):
        company = dict(reader.lead.get("company") or {})
        company |= read_field(publication, "company", {name.removeprefix("company."): text}, where)
        return replace(reader, lead={**reader.lead, "company": company})
    if root == "lead":
        return replace(reader, lead={**reader.lead, name: read_field(publication, name, text, where)})
    if root != "run":
        raise LeadFileError(f"{where}: begin the name with `run.` or `lead.`")
    spec = _spec(publication, plan, name, where)
    try:
        value: Any = read_declared(text, spec) if text else None
    except ValueProblemError as error:
        raise LeadFileError(f"{where}: {error}") from None
    run = dict(reader.run)
    put(run, name, value)
    return replace(reader, run=run)


def _spec(publication: Publication, plan: Plan | None, name: str, where: str) -> FieldSpec:
    """Return the type of `run.NAME`; what a step found out is text."""
    from leadloop.cli.lead_files import LeadFileError
    from leadloop.language.plan import FieldSpec
    from leadloop.language.suggest import Suggestion

    root, _, field = name.partition(".")
    declared = _declared(publication, plan)
    if not field and root in ("entered_at", "cycle"):
        return FieldSpec(type="int" if root == "cycle" else "datetime")
    if root not in declared and field and plan is not None and root in plan.steps:
        return FieldSpec(type="text")
    if root not in declared:
        known = ["entered_at", "cycle", *declared, *(plan.steps if plan is not None else ())]
        raise LeadFileError(f"{where}: a journey has no `run.{root}`; {Suggestion(root, known)}")
    if field not in declared[root]:
        raise LeadFileError(f"{where}: there is no `run.{name}`; {Suggestion(field, list(declared[root]))}")
    return declared[root][field]


def _declared(publication: Publication, plan: Plan | None) -> dict[str, Mapping[str, FieldSpec]]:
    """Return `run.<name>` -> its fields: the entry event's properties, and each kind of record."""
    from leadloop.language.plan import EventMatch, FieldSpec

    workspace = publication.workspace
    entries = [one.match.event for one in plan.entry if isinstance(one.match, EventMatch)] if plan else []
    entry = {
        name: spec
        for event in entries or workspace.events
        for name, spec in workspace.events.get(event, {}).items()
    }
    records = {
        name: {"key": FieldSpec(type="text"), **kind.fields} for name, kind in workspace.records.items()
    }
    return {"entry": entry, **records}
