"""`leadloop publish`: compile the workspace and make it live, all or nothing."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from leadloop.cli.compiling import compile_or_exit, workspace_folder
from leadloop.cli.environments import StateOption, environment_of, open_database, settings_for
from leadloop.cli.languages import LanguageOption
from leadloop.cli.output import JsonOption, print_json
from leadloop.cli.plan import print_plan
from leadloop.cli.workspaces import WorkspaceOption

if TYPE_CHECKING:
    from leadloop.inbox.planning.report import PublishPlan
    from leadloop.inbox.publishing import Published


_FATES = {
    "move": "journeys that move to the new version in their next turn: {}",
    "finish": "journeys that end as `edited` after their step: {}",
    "exit": "journeys that end as `edited` now: {}",
}


def publish(
    workspace: WorkspaceOption = None,
    state: StateOption = None,
    confirm: Annotated[
        int | None,
        typer.Option(
            "--confirm",
            min=0,
            metavar="NUMBER",
            help="Agree to as many mails in 24 hours, where more than limits.confirm_over are expected.",
            show_default=False,
        ),
    ] = None,
    approved_by: Annotated[
        str | None,
        typer.Option(
            "--approved-by",
            metavar="NAME",
            help="Who else agreed to that many mails. Not the one who publishes.",
            show_default=False,
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan only; publish nothing.")] = False,
    lang: LanguageOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compile the workspace and make it live, all or nothing.

    People in flight follow the `on_edit` of their scenario. Where more mails are expected in 24 hours
    than `limits.confirm_over`, it asks for their number. Publishing what is live already changes
    nothing. Exit code 1 on errors, and where nothing was published.
    """
    from leadloop.inbox.planning.report import make_plan
    from leadloop.inbox.publishing import publish_workspace
    from leadloop.storage.migrations import check_schema
    from leadloop.storage.secret import check_secret

    settings = settings_for(state)
    publication = compile_or_exit(workspace_folder(workspace, settings), lang=lang)
    by = _user()
    with open_database(settings) as database:
        check_schema(database)
        env = environment_of(settings, database)
        check_secret(env)
        with database.read() as session:
            plan = make_plan(session, env, publication, env.clock.now())
        published = None
        if not dry_run:
            if plan.needs_confirmation:
                _confirm(plan, by, confirm, approved_by)
            published = publish_workspace(
                env, publication, by, env.clock.now(),
                approver=approved_by, expected_mails=plan.mails.day if plan.needs_confirmation else None,
            )  # fmt: skip
    if as_json:
        print_json(_document(plan, published))
    elif published is None:
        print_plan(plan)
        typer.echo("dry run: nothing was published")
    else:
        _print(plan, published)


def _confirm(plan: PublishPlan, by: str, confirm: int | None, approved_by: str | None) -> None:
    """Return where so many mails are agreed to; exit with code 1 otherwise."""
    mails = plan.mails.day
    problem = (
        f"about {mails} mails are expected in 24 hours, more than {plan.confirm_over} (limits.confirm_over)"
    )
    if approved_by is not None:
        if _same_person(approved_by, by):
            typer.echo(f"nothing was published: {problem}, and `{by}` cannot approve of it alone", err=True)
            raise typer.Exit(1)
        return
    if confirm is None:
        typer.echo(f"{problem}; `leadloop plan` shows where they come from", err=True)
        try:
            confirm = int(typer.prompt("Type the number of mails to publish", err=True))
        except (typer.Abort, ValueError):
            confirm = -1
        if confirm == mails:
            return
        typer.echo("nothing was published: the number was not confirmed (or use --confirm)", err=True)
        raise typer.Exit(1)
    if confirm < mails:
        typer.echo(f"nothing was published: {problem}; --confirm {confirm} is not enough", err=True)
        raise typer.Exit(1)


def _same_person(one: str, other: str) -> bool:
    return not one.strip() or one.strip().casefold() == other.strip().casefold()


def _document(plan: PublishPlan, published: Published | None) -> dict[str, Any]:
    return {
        "publication": published.id if published is not None else plan.live,
        "dry_run": published is None,
        "changes": dict(plan.parts),
        "journeys": dict(published.journeys) if published is not None else {},
        "plan": plan.as_json(),
    }


def _print(plan: PublishPlan, published: Published) -> None:
    for verb, names in plan.parts.items():
        for name in names:
            typer.echo(f"{verb:<8} {name.replace(':', ' ')}")
    if not published.is_new:
        typer.echo("nothing has changed")
        return
    if not any(plan.parts.values()):
        typer.echo("only comments or the layout of files have changed")
    for what, number in published.journeys.items():
        typer.echo(_FATES[what].format(number))
    typer.echo(f"published {published.id}")


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user id without a name
        return "leadloop publish"
