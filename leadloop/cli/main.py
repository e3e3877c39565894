"""The program `leadloop`: its commands, by the file that holds each."""

from __future__ import annotations

from typing import Annotated

import typer

import leadloop
from leadloop.cli.lazy import LazyCommand, LazyGroup


class Commands(LazyGroup):
    """Every command, in the order of `leadloop --help`."""

    table = (
        LazyCommand("up", "leadloop.cli.up:up", "Run everything on this machine, until Ctrl-C."),
        LazyCommand("demo", "leadloop.cli.demo:demo", "Play 60 days of journeys in two minutes."),
        LazyCommand("new", "leadloop.cli.new:new", "Write a first scenario or workspace.", logs=False),
        LazyCommand("check", "leadloop.cli.check:check", "Check a workspace.", logs=False),
        LazyCommand("schema", "leadloop.cli.schema:schema", "Print JSON Schema for editors.", logs=False),
        LazyCommand(
            "graph", "leadloop.cli.graph:graph", "Draw a scenario: Mermaid, SVG or HTML.", logs=False
        ),
        LazyCommand(
            "try", "leadloop.cli.try_scenario:try_scenario", "Show a scenario as three timelines.", logs=False
        ),
        LazyCommand("preview", "leadloop.cli.preview:preview", "Render a scenario's mails for a lead."),
        LazyCommand("send", "leadloop.cli.send:send", "Send a test of a template."),
        LazyCommand("plan", "leadloop.cli.plan:plan", "Show what publishing would change."),
        LazyCommand("publish", "leadloop.cli.publish:publish", "Compile the workspace and make it live."),
        LazyCommand("scenarios", "leadloop.cli.scenarios:scenarios", "List what is live, and versions."),
        LazyCommand("diff", "leadloop.cli.diff:diff", "Show what differs between two versions."),
        LazyCommand("migrate", "leadloop.cli.migrate:migrate", "Move people to another version."),
        LazyCommand("status", "leadloop.cli.status:status", "Show how the engine stands, in numbers."),
        LazyCommand("journey", "leadloop.cli.journeys:app", "Pause, resume, cancel and retry journeys."),
        LazyCommand("sending", "leadloop.cli.sending:app", "Stop all mails, and let them go again."),
        LazyCommand("operations", "leadloop.cli.operations:operations", "List what people did, and why."),
        LazyCommand(
            "lead", "leadloop.cli.leads:app", "List leads, show what happened to one, merge two, erase one."
        ),
        LazyCommand("why", "leadloop.cli.why:why", "Explain every turn of a lead's journeys."),
        LazyCommand("event", "leadloop.cli.events:app", "Put events in by hand."),
        LazyCommand("enrol", "leadloop.cli.enrol:enrol", "Enter leads into a scenario by hand."),
        LazyCommand("import", "leadloop.cli.imports:import_file", "Import leads or records from a CSV file."),
        LazyCommand("deal", "leadloop.cli.deal:app", "Report what became of a deal."),
        LazyCommand(
            "recover", "leadloop.cli.recover:recover", "Recover from lost Temporal data or a restored backup."
        ),
        LazyCommand("doctor", "leadloop.cli.doctor:doctor", "Check the invariants of the database."),
        LazyCommand("serve", "leadloop.cli.serve:serve", "Run only the web server."),
        LazyCommand("key", "leadloop.cli.keys:app", "Make, list and revoke keys of the API."),
        LazyCommand("db", "leadloop.cli.db:app", "Create, upgrade or check the database's schema."),
    )


app = typer.Typer(
    cls=Commands,
    add_completion=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"leadloop {leadloop.__version__}")
        raise typer.Exit


@app.callback()
def leadloop_command(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Customer journeys from scenario files: compile them, run them, look at them."""


def main() -> None:
    """Run the program; exit with the command's code."""
    app(prog_name="leadloop")
