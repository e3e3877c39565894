"""`leadloop deal open|won|lost LEAD`: what sales reports of a deal."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from leadloop.cli.changing import Nothing, tell_change
from leadloop.cli.environments import StateOption, find_lead_id, open_environment

if TYPE_CHECKING:
    from leadloop.sales.commands import CommandResult
    from leadloop.storage.environment import Environment
    from leadloop.storage.tables import Deal

app = typer.Typer(
    help="Report what became of a deal. Exit code 0 also where it is so already, 1 where it is refused.",
    no_args_is_help=True,
)

LeadArgument = Annotated[str, typer.Argument(help="The lead's id or mail address.")]
DealOption = Annotated[
    str | None,
    typer.Option("--deal", help="Id of the deal. Default: the lead's open deal.", show_default=False),
]
AmountOption = Annotated[
    int | None, typer.Option("--amount", help="In minor units of the currency.", show_default=False)
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Show what the deal would be; change nothing.")]


@app.command("open")
def open_deal(
    lead: LeadArgument,
    deal: DealOption = None,
    amount: AmountOption = None,
    state: StateOption = None,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Open a deal, or open a lost one again."""
    from leadloop.sales import commands

    def run(env: Environment, lead_id: str) -> CommandResult[Deal]:
        return commands.open_deal(env, lead_id, deal_id=deal, amount=amount)

    _report(lead, "open", run, state, dry_run, as_json)


@app.command("won")
def win_deal(
    lead: LeadArgument,
    deal: DealOption = None,
    amount: AmountOption = None,
    state: StateOption = None,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Win a deal."""
    from leadloop.sales import commands

    def run(env: Environment, lead_id: str) -> CommandResult[Deal]:
        return commands.win_deal(env, deal or _current_deal(env, lead_id), lead_id=lead_id, amount=amount)

    _report(lead, "won", run, state, dry_run, as_json)


@app.command("lost")
def lose_deal(
    lead: LeadArgument,
    reason: Annotated[str, typer.Option("--reason", help="A lost reason of the workspace.")],
    revisit: Annotated[
        str | None,
        typer.Option("--revisit", help="When to ask again: 2027-04 or 2027-04-05.", show_default=False),
    ] = None,
    note: Annotated[str | None, typer.Option("--note", show_default=False)] = None,
    deal: DealOption = None,
    amount: AmountOption = None,
    state: StateOption = None,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Lose a deal, with the reason and, where it is known, when to ask again."""
    from leadloop.sales import commands

    def run(env: Environment, lead_id: str) -> CommandResult[Deal]:
        return commands.lose_deal(
            env,
            deal or _current_deal(env, lead_id),
            reason=reason,
            revisit_on=revisit,
            note=note,
            amount=amount,
            lead_id=lead_id,
        )

    _report(lead, "lost", run, state, dry_run, as_json)


def _current_deal(env: Environment, lead_id: str) -> str:
    from leadloop.sales.deals import current_deal_id
    from leadloop.storage.tables import Lead

    with env.database.read() as session:
        return current_deal_id(session, session.get_one(Lead, lead_id))


def _report(
    lead: str,
    asked: str,
    run: Callable[[Environment, str], CommandResult[Deal]],
    state: Path | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Run a command and print the deal, which was to become `asked`. Exit code 1 where it is refused."""
    from leadloop.sales.commands import SalesError

    with open_environment(state, dry_run=dry_run) as env:
        try:
            result = run(env, find_lead_id(env, lead))
        except SalesError as error:
            where = f"{error.field}: " if error.field else ""
            typer.echo(f"{where}{error.message}", err=True)
            raise typer.Exit(1) from None
    document: dict[str, Any] = result.row.model_dump(mode="json")
    document |= {"no_op": result.no_op, "dry_run": dry_run}
    nothing = None
    if result.no_op is not None:
        nothing = Nothing(result.no_op.replace("_", " "), result.no_op != f"already_{asked}")
    tell_change(document, _describe(result.row), nothing, dry_run=dry_run, as_json=as_json)


def _describe(deal: Deal) -> str:
    words = [f"deal {deal.id}: {deal.status.value}"]
    if deal.reason:
        words.append(f"reason {deal.reason}")
    if deal.revisit_on:
        words.append(f"ask again from {deal.revisit_on.isoformat()}")
    if deal.losses > 1:
        words.append(f"lost {deal.losses} times")
    return ", ".join(words)
