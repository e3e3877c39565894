"""`leadloop preview SCENARIO`: every mail of a scenario as one person would get it."""

from __future__ import annotations

import tempfile
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from leadloop.cli.compiling import compile_or_exit, find_plan, workspace_folder
from leadloop.cli.environments import StateOption, settings_for
from leadloop.cli.output import JsonOption, print_json
from leadloop.cli.readers import WithOption, find_reader
from leadloop.cli.workspaces import WorkspaceOption

if TYPE_CHECKING:
    from leadloop.delivery.preview import PlannedMail, PreviewMail
    from leadloop.language.plan import Plan, Publication


def preview(
    scenario: Annotated[str, typer.Argument(help="The name of a scenario.")],
    lead: Annotated[
        str | None,
        typer.Option(
            "--lead",
            metavar="FILE|ID",
            help="A YAML or JSON file of lead fields, or a lead's id or address. Default: a made-up lead.",
            show_default=False,
        ),
    ] = None,
    step: Annotated[
        str | None, typer.Option("--step", help="Only the mails of this step.", show_default=False)
    ] = None,
    values: WithOption = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder to write to. Default: a new one.", show_default=False),
    ] = None,
    open_page: Annotated[bool, typer.Option("--open", help="Open the list in the browser.")] = False,
    workspace: WorkspaceOption = None,
    state: StateOption = None,
    as_json: JsonOption = False,
) -> None:
    """Render every mail of a scenario for a lead: HTML, text, subject and links, into a folder.

    It renders the files here, not what is published, in the lead's language. Nothing is sent; links
    are not tracked. The database is read only where `--lead` names a lead in it. Exit code 1 where a
    mail can't be rendered.
    """
    from leadloop.cli.preview_folder import write_folder
    from leadloop.delivery.preview import preview as render
    from leadloop.delivery.render import Renderer

    publication = compile_or_exit(workspace_folder(workspace, settings_for(state)), "nothing was rendered")
    plan = find_plan(publication, scenario)
    planned = _planned(publication, plan, step)
    reader = find_reader(publication, plan, lead, values, state)
    with Renderer() as renderer:
        mails = render(renderer, publication, planned, reader)
    folder = output or Path(tempfile.mkdtemp(prefix="leadloop-preview-"))
    files = write_folder(folder, plan, publication.workspace.locale, reader.name, mails)
    if as_json:
        print_json(_document(plan, reader.name, folder, files, mails))
    else:
        _print(mails, folder)
    if open_page:
        webbrowser.open((folder / "index.html").resolve().as_uri())
    if any(mail.rendered is None for mail in mails):
        raise typer.Exit(1)


def _planned(publication: Publication, plan: Plan, step: str | None) -> list[PlannedMail]:
    """Return the mails to render; exit with code 1 where there is no such step or it sends nothing."""
    from leadloop.delivery.preview import planned_mails
    from leadloop.language.suggest import Suggestion

    planned = planned_mails(publication, plan, step)
    if planned:
        return planned
    if step is None:
        problem = f"no step of {plan.scenario} sends a mail"
    elif step in plan.steps:
        problem = f"`{step}` is a `{plan.steps[step].kind}` step of {plan.scenario} and sends no mail"
    else:
        senders = sorted({mail.step for mail in planned_mails(publication, plan)})
        problem = f"{plan.scenario} has no step `{step}`; {Suggestion(step, senders)}"
    typer.echo(problem, err=True)
    raise typer.Exit(1)


def _print(mails: list[PreviewMail], folder: Path) -> None:
    for mail in mails:
        part = f" ({mail.planned.part})" if mail.planned.part else ""
        if mail.rendered is None:
            typer.echo(f"{mail.planned.step}{part}: templates/{mail.problem}", err=True)
        else:
            typer.echo(f"{mail.planned.step}{part}: {mail.rendered.subject}")
    typer.echo((folder / "index.html").resolve())


def _document(
    plan: Plan, reader: str, folder: Path, files: list[str], mails: list[PreviewMail]
) -> dict[str, Any]:
    return {
        "scenario": plan.scenario,
        "lead": reader,
        "folder": str(folder.resolve()),
        "mails": [_mail(mail, name) for mail, name in zip(mails, files, strict=True)],
    }


def _mail(mail: PreviewMail, name: str) -> dict[str, Any]:
    found: dict[str, Any] = {
        "step": mail.planned.step,
        "part": mail.planned.part,
        "template": mail.planned.template,
        "problem": f"templates/{mail.problem}" if mail.problem else None,
    }
    if mail.rendered is None:
        return found
    return found | {
        "file": mail.rendered.template,
        "subject": mail.rendered.subject,
        "preheader": mail.rendered.preheader,
        "text": mail.rendered.text,
        "html_file": f"{name}.html",
        "text_file": f"{name}.txt",
        "links": [{"name": link.name, "url": link.url} for link in mail.rendered.links],
    }
