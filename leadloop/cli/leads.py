"""`leadloop lead`: leads, and what happened to one."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from leadloop.cli import erasing, merging
from leadloop.cli.environments import StateOption, find_lead_id, open_environment
from leadloop.cli.languages import LanguageOption, language_of
from leadloop.cli.output import JsonOption, LeadArgument, print_json, print_table, shown_at

if TYPE_CHECKING:
    from sqlmodel import Session

    from leadloop.storage.environment import Environment
    from leadloop.storage.tables import Lead

app = typer.Typer(help="List leads, show what happened to one, merge two, erase one.", no_args_is_help=True)
app.command("erase")(erasing.erase)
app.command("merge")(merging.merge)


@app.command("list")
def list_leads(
    text: Annotated[
        str, typer.Option("--text", help="Part of a name, company or mail address.", show_default=False)
    ] = "",
    stage: Annotated[str, typer.Option("--stage", help="Only leads in this stage.", show_default=False)] = "",
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="The newest so many.")] = 50,
    state: StateOption = None,
    as_json: JsonOption = False,
) -> None:
    """List leads, newest first."""
    from sqlmodel import col

    from leadloop.storage.tables import Lead
    from leadloop.web.lead_view import bands_of, display_name, find_leads
    from leadloop.web.leads_api import lead_json

    with open_environment(state) as env, env.database.read() as session:
        statement = find_leads(text, stage).order_by(col(Lead.created_at).desc(), col(Lead.id).desc())
        rows = session.exec(statement.limit(limit)).all()
        bands = bands_of(session, [row.id for row in rows])
    named = {row.id: {one.model: one.band for one in bands[row.id]} for row in rows}
    if as_json:
        print_json({"leads": [lead_json(row) | {"bands": named[row.id]} for row in rows]})
        return
    print_table(
        ("id", "name", "company", "mail address", "stage", "bands"),
        [
            (
                row.id,
                display_name(row),
                row.company_name or "–",
                row.email or "–",
                row.stage,
                ", ".join(f"{model} {band}" for model, band in named[row.id].items()),
            )
            for row in rows
        ],
    )


@app.command()
def show(lead: LeadArgument, state: StateOption = None, as_json: JsonOption = False) -> None:
    """Show a lead: facts, scores, journeys, what may be mailed."""
    with open_environment(state) as env:
        lead_id = find_lead_id(env, lead)
        with env.database.read() as session:
            document = _document(session, env, lead_id)
            zone = _zone(session, env, lead_id)
    if as_json:
        print_json(document)
        return
    typer.echo(f"{document['name']}  (lead {document['id']}, times in {zone.key})")
    for name, value in document["facts"].items():
        typer.echo(f"  {name:<21} {value}")
    for one in document["scores"]:
        typer.echo(f"  score {one['model']:<15} {one['points']} {one['band'] or ''}".rstrip())
    for topic, verdict in document["topics"].items():
        may = f"may be mailed ({verdict['basis']})" if verdict["allowed"] else f"no mail: {verdict['reason']}"
        typer.echo(f"  topic {topic:<15} {may}")
    if document["segments"]:
        typer.echo(f"  in segments           {', '.join(document['segments'])}")
    for pause in document["suppressed_topics"]:
        since = shown_at(pause["since"], zone)
        typer.echo(f"  topic {pause['topic']} stopped by us ({pause['reason']}) since {since}")
    for journey in document["journeys"]:
        status = journey["outcome"] or journey["status"]
        due = f", next due {shown_at(journey['due_at'], zone)}" if journey["due_at"] else ""
        typer.echo(
            f"  journey {journey['scenario']}: {status} at step {journey['step']}, "
            f"since {shown_at(journey['entered_at'], zone)}{due}"
        )


@app.command()
def timeline(
    lead: LeadArgument,
    state: StateOption = None,
    as_json: JsonOption = False,
    lang: LanguageOption = None,
) -> None:
    """Print everything that happened to a lead, oldest first, with points."""
    from leadloop.web.story import story

    with open_environment(state) as env:
        lead_id = find_lead_id(env, lead)
        with env.database.read() as session:
            lines = story(session, env, lead_id, language_of(lang))
            zone = _zone(session, env, lead_id)
    if as_json:
        print_json({"lead": lead_id, "lines": [asdict(line) for line in lines]})
        return
    typer.echo(f"lead {lead_id}, times in {zone.key}")
    for line in lines:
        points = f"{line.points:+d}" if line.points is not None else ""
        detail = f"  ({line.detail})" if line.detail else ""
        typer.echo(f"{shown_at(line.at, zone)}  {points:>4}  {line.text}{detail}")


def _document(session: Session, env: Environment, lead_id: str) -> dict[str, Any]:
    from leadloop.cli.standing import pauses_of
    from leadloop.leads.consent import may_mail
    from leadloop.web.lead_view import display_name, journeys_of, lead_facts_shown, scores_of

    lead = _lead(session, lead_id)
    publication = env.publications.current(session).publication
    workspace, now = publication.workspace, env.clock.now()
    return {
        "id": lead.id,
        "name": display_name(lead),
        "facts": lead_facts_shown(session, lead),
        "scores": [asdict(one) for one in scores_of(session, publication, lead, now)],
        "topics": {
            topic: asdict(may_mail(session, env, lead, topic, workspace, now)) for topic in workspace.topics
        },
        "segments": list(lead.segments),
        "suppressed_topics": pauses_of(session, lead),
        "journeys": [asdict(one) for one in journeys_of(session, env, lead.id)],
    }


def _lead(session: Session, lead_id: str) -> Lead:
    from leadloop.storage.tables import Lead

    return session.get_one(Lead, lead_id)


def _zone(session: Session, env: Environment, lead_id: str) -> Any:
    from leadloop.inbox.facts import company_of, lead_zone

    workspace = env.publications.current(session).publication.workspace
    lead = _lead(session, lead_id)
    return lead_zone(lead, workspace, company_of(session, lead))
