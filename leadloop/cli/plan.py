"""`leadloop plan`: what publishing the files here would change, before it does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from leadloop.cli.compiling import compile_or_exit, workspace_folder
from leadloop.cli.environments import StateOption, environment_of, open_database, settings_for
from leadloop.cli.languages import LanguageOption
from leadloop.cli.output import JsonOption, print_json
from leadloop.cli.workspaces import WorkspaceOption

if TYPE_CHECKING:
    from leadloop.inbox.planning.conflicts import Conflict
    from leadloop.inbox.planning.people import Destiny
    from leadloop.inbox.planning.report import PublishPlan

NEEDS_ATTENTION = 2
"""Exit code where publishing would refuse, or ask for a confirmation."""
_MARKS = {"added": "+", "removed": "-", "changed": "~"}


def plan(
    workspace: WorkspaceOption = None,
    state: StateOption = None,
    lang: LanguageOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what publishing would change: steps, people on them, mails to expect, conflicts.

    Nothing is published. The number of mails is an estimate. Exit code 1 on errors in the files, 2
    where `publish` would refuse or ask: people on steps that would be gone, or more mails than
    `limits.confirm_over`.
    """
    settings = settings_for(state)
    publication = compile_or_exit(workspace_folder(workspace, settings), "there is no plan", lang)
    from leadloop.inbox.planning.report import make_plan
    from leadloop.storage.migrations import check_schema

    with open_database(settings) as database:
        check_schema(database)
        env = environment_of(settings, database)
        with database.read() as session:
            found = make_plan(session, env, publication, env.clock.now())
    if as_json:
        print_json(found.as_json())
    else:
        print_plan(found)
    if found.refused or found.needs_confirmation:
        raise typer.Exit(NEEDS_ATTENTION)


def print_plan(plan: PublishPlan) -> None:
    """Print a plan for people."""
    if plan.is_empty:
        typer.echo("nothing has changed")
    for verb, names in plan.parts.items():
        for name in names:
            typer.echo(f"{verb:<8} {name.replace(':', ' ')}")
    _print_steps(plan)
    _print_people(plan)
    _print_mails(plan)
    for conflict in plan.conflicts:
        typer.echo(f"conflict: {_conflict(conflict)}")
    for one in plan.refused:
        typer.echo(
            f"publish refuses: {_people(one.people)} on `{one.step}` of {one.scenario}, which the new "
            "version lacks; map it in `on_edit: {steps: {OLD: NEW}}`"
        )
    if plan.needs_confirmation:
        typer.echo(
            f"publish asks: {plan.mails.day} mails in 24 hours are more than {plan.confirm_over} "
            "(limits.confirm_over)"
        )


def _print_steps(plan: PublishPlan) -> None:
    changed = [one for one in plan.scenarios if one.change == "changed"]
    for scenario in changed:
        typer.echo(f"\n{scenario.scenario}")
        for step in scenario.steps:
            title = f"  {step.title}" if step.title else ""
            typer.echo(f"  {_MARKS[step.change]} {step.step} ({step.kind}){title}")
        if scenario.settings:
            typer.echo(f"  ~ {', '.join(scenario.settings)}")


def _print_people(plan: PublishPlan) -> None:
    if not plan.positions:
        return
    typer.echo("\npeople in versions that are replaced")
    for one in plan.positions:
        step = f" ({one.step_change})" if one.step_change else ""
        typer.echo(
            f"  {one.scenario} {one.version[:12]}  {_people(one.people)} on `{one.step}`{step}: "
            f"{_destiny(one.destiny)}"
        )


def _print_mails(plan: PublishPlan) -> None:
    from leadloop.inbox.planning.forecast import HOW

    mails = plan.mails
    typer.echo(f"\nmails expected: about {mails.day} in 24 hours, {mails.week} in 7 days")
    for name, number in sorted(mails.scenarios.items()):
        if number:
            typer.echo(f"  {name}: {number}")
    typer.echo(f"  {HOW}")
    for remark in mails.remarks:
        typer.echo(f"  {remark}")


def _destiny(destiny: Destiny) -> str:
    return {
        "stay": "they stay on their version to its end",
        "move": f"they move to `{destiny.to}` of the new version in their next turn",
        "finish": "they finish this step, then end as `edited`",
        "exit": "they end at once as `edited`",
        "refused": "nowhere to go",
    }[destiny.fate]


def _conflict(conflict: Conflict) -> str:
    topics = ", ".join(conflict.topics)
    pair = f"{conflict.scenario} and {conflict.other}"
    if conflict.kind == "open":
        return f"{_people(conflict.people)} are in {pair}, which both mail {topics}"
    mailed = f" and mail {topics} at once" if topics else ""
    return f"{pair} both begin with {conflict.entry}{mailed}"


def _people(number: int) -> str:
    return "1 person" if number == 1 else f"{number} people"
