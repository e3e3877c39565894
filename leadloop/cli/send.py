"""`leadloop send --test ADDRESS… --template T`: a mail to look at in a real mail program."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from leadloop.cli.compiling import compile_or_exit, workspace_folder
from leadloop.cli.environments import StateOption, environment_of, open_database, settings_for
from leadloop.cli.output import JsonOption, print_json
from leadloop.cli.readers import WithOption, find_reader
from leadloop.cli.workspaces import WorkspaceOption

if TYPE_CHECKING:
    from leadloop.delivery.render import Rendered
    from leadloop.delivery.smtp import SmtpSender
    from leadloop.delivery.trial import TrialResult
    from leadloop.language.plan import Publication
    from leadloop.settings import Settings


def send(
    template: Annotated[
        str,
        typer.Option(
            "--template", "-t", help="The template: whitepaper/thanks, without language and ending."
        ),
    ],
    more: Annotated[
        list[str] | None, typer.Argument(metavar="ADDRESS...", help="More addresses.", show_default=False)
    ] = None,
    test: Annotated[
        list[str] | None,
        typer.Option(
            "--test", metavar="ADDRESS", help="Where the test goes: up to 10 addresses.", show_default=False
        ),
    ] = None,
    lead: Annotated[
        str | None,
        typer.Option(
            "--as",
            metavar="FILE|ID",
            help="As which lead: a file of lead fields, an id or a mail address. Default: a made-up lead.",
            show_default=False,
        ),
    ] = None,
    subject: Annotated[
        str | None,
        typer.Option("--subject", help="Replaces the subject of the template.", show_default=False),
    ] = None,
    values: WithOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would go; send nothing.")] = False,
    workspace: WorkspaceOption = None,
    state: StateOption = None,
    as_json: JsonOption = False,
) -> None:
    """Send a test of one template, as it is in the files here, to people of your own.

    The subject begins with [TEST]. Links and opens are not tracked, the unsubscribe link leads
    nowhere, and the engine does not know of it: no message, no event, no cap, no send window.
    Suppressed addresses are refused. Exit code 1 where an address did not get its mail.
    """
    if not test:
        typer.echo("`leadloop send` sends tests only: name the addresses with --test", err=True)
        raise typer.Exit(2)
    settings = settings_for(state)
    publication = compile_or_exit(workspace_folder(workspace, settings), "nothing was sent")
    rendered = _rendered(publication, template, subject, lead, values, state)
    addresses = _addresses([*test, *(more or [])], settings)
    results: list[TrialResult] = []
    if not dry_run:
        from leadloop.delivery.trial import deliver_trial

        transport = _transport(settings)
        try:
            sender = publication.workspace.sender
            results = deliver_trial(transport, rendered, sender, addresses, datetime.now(UTC))
        finally:
            transport.close()
    if as_json:
        print_json(_document(publication, rendered, addresses, results, dry_run))
    else:
        _print(publication, rendered, addresses, results, dry_run)
    if any(not one.sent for one in results):
        raise typer.Exit(1)


def _rendered(
    publication: Publication,
    template: str,
    subject: str | None,
    lead: str | None,
    values: list[str] | None,
    state: Path | None,
) -> Rendered:
    """Render the template; exit with code 1 where that fails."""
    from leadloop.delivery.preview import render_for
    from leadloop.delivery.render import Renderer, RenderError
    from leadloop.language.suggest import nearest

    reader = find_reader(publication, None, lead, values, state)
    try:
        with Renderer() as renderer:
            return render_for(renderer, publication, template, reader, subject=subject)
    except RenderError as error:
        problem = f"templates/{error.message}"
        if error.code == "no_template":
            near = nearest(template, {_name(path) for path in publication.templates})
            problem = error.message + (f"; did you mean `{near}`?" if near else "")
        typer.echo(problem, err=True)
        raise typer.Exit(1) from None


def _name(path: str) -> str:
    """Return `tips/1` of `tips/1.ja.md`."""
    folder, slash, file = path.rpartition("/")
    return f"{folder}{slash}{file.partition('.')[0]}"


def _addresses(texts: list[str], settings: Settings) -> list[str]:
    """Return the addresses; exit with code 1 where one is wrong or suppressed."""
    from leadloop.delivery.trial import TrialRefusedError, checked_addresses
    from leadloop.storage.secret import check_secret

    with open_database(settings) as database, database.read() as session:
        env = environment_of(settings, database)
        check_secret(env)
        try:
            return checked_addresses(session, env, texts)
        except TrialRefusedError as error:
            typer.echo(f"nothing was sent: {error}", err=True)
            raise typer.Exit(1) from None


def _transport(settings: Settings) -> SmtpSender:
    """Return the way to the mail server: as configured, else the mailbox of `leadloop up` here."""
    from leadloop.delivery.smtp import SmtpSender

    port = settings.smtp_port
    ports = settings.state / "ports.json"
    if not settings.model_fields_set & {"smtp_host", "smtp_port"} and ports.is_file():
        port = int(json.loads(ports.read_text()).get("smtp", port))
    return SmtpSender(
        settings.smtp_host,
        port,
        security=settings.smtp_security,
        username=settings.smtp_username,
        password=settings.smtp_password.get_secret_value() if settings.smtp_password else None,
    )


def _print(
    publication: Publication,
    rendered: Rendered,
    addresses: list[str],
    results: list[TrialResult],
    dry_run: bool,
) -> None:
    from leadloop.delivery.trial import marked

    if dry_run:
        sender = publication.workspace.sender
        typer.echo(f"from:     {sender.name} <{sender.address}>")
        typer.echo(f"to:       {', '.join(addresses)}")
        typer.echo(f"subject:  {marked(rendered.subject)}")
        typer.echo(f"template: templates/{rendered.template}\n\n{rendered.text}")
        typer.echo("dry run: nothing was sent")
        return
    for one in results:
        if one.sent:
            typer.echo(f"sent to {one.to}")
        else:
            typer.echo(f"not sent to {one.to}: {one.problem}", err=True)


def _document(
    publication: Publication,
    rendered: Rendered,
    addresses: list[str],
    results: list[TrialResult],
    dry_run: bool,
) -> dict[str, Any]:
    from leadloop.delivery.trial import marked

    return {
        "dry_run": dry_run,
        "from": publication.workspace.sender.address,
        "to": addresses,
        "template": rendered.template,
        "subject": marked(rendered.subject),
        "preheader": rendered.preheader,
        "text": rendered.text,
        "links": [{"name": link.name, "url": link.url} for link in rendered.links],
        "results": [asdict(one) for one in results],
    }
