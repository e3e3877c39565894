"""`leadloop journey`: look at journeys, pause, resume, cancel them, try held ones again."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from leadloop.cli.callers import ByOption, DryRunOption, ReasonOption, caller_of, told_errors
from leadloop.cli.environments import StateOption, find_lead_id, open_environment
from leadloop.cli.operating import operation_line
from leadloop.cli.output import JsonOption, print_json, print_table, shown_at
from leadloop.cli.temporal_pages import temporal_pages

if TYPE_CHECKING:
    from leadloop.inbox.operations.commands import JourneyResult
    from leadloop.inbox.operations.log import Caller
    from leadloop.inbox.operations.scenarios import ScenarioResult
    from leadloop.storage.environment import Environment

app = typer.Typer(
    help="Look at journeys, pause, resume and cancel them, try held ones again.", no_args_is_help=True
)

JourneyArgument = Annotated[
    str | None, typer.Argument(metavar="[JOURNEY]", help="Id of the journey.", show_default=False)
]
ScenarioOption = Annotated[
    str | None,
    typer.Option("--scenario", metavar="NAME", help="All journeys of a scenario.", show_default=False),
]


class ClockWord(StrEnum):
    """What a wait does in a pause."""

    RUN = "run"
    FREEZE = "freeze"
    RESTART = "restart"


class StatusWord(StrEnum):
    """Statuses by which journeys are listed."""

    RUNNING = "running"
    HELD = "held"
    PAUSED = "paused"
    ENDED = "ended"


@app.command("list")
def list_journeys(
    scenario: ScenarioOption = None,
    status: Annotated[
        StatusWord | None, typer.Option("--status", help="Only these.", show_default=False)
    ] = None,
    lead: Annotated[
        str | None, typer.Option("--lead", help="Id or mail address of the lead.", show_default=False)
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="At most so many.")] = 50,
    state: StateOption = None,
    as_json: JsonOption = False,
) -> None:
    """List journeys, the newest first: where each stands, and what keeps it there."""
    from sqlmodel import col, select

    from leadloop.inbox.operations.view import journey_json
    from leadloop.storage.tables import Enrolment, EnrolmentStatus

    with open_environment(state) as env:
        statement = select(Enrolment)
        if scenario is not None:
            statement = statement.where(Enrolment.scenario == scenario)
        if status is not None:
            statement = statement.where(Enrolment.status == EnrolmentStatus(status.value))
        if lead is not None:
            statement = statement.where(Enrolment.lead_id == find_lead_id(env, lead))
        order = (col(Enrolment.entered_at).desc(), col(Enrolment.id).desc())
        with env.database.read() as session:
            rows = session.exec(statement.order_by(*order).limit(limit)).all()
            items = [journey_json(session, env, row) for row in rows]
        zone = ZoneInfo(env.publications.current().publication.workspace.timezone)
    if as_json:
        print_json({"items": items})
        return
    columns = ("journey", "scenario", "status", "step", "due", "because")
    print_table(columns, [_row(one, zone) for one in items])


def _row(journey: dict[str, Any], zone: ZoneInfo) -> list[object]:
    from datetime import datetime

    due = datetime.fromisoformat(journey["due_at"]) if journey["due_at"] else None
    return [
        journey["id"], journey["scenario"], journey["status"], journey["step"], shown_at(due, zone),
        _because(journey),
    ]  # fmt: skip


def _because(journey: dict[str, Any]) -> str:
    if journey["status"] == "ended":
        return str(journey["outcome"])
    words = [journey["held_reason"]] if journey["held_reason"] else []
    words += [f"{cause} ({clock})" for cause, clock in journey["stops"].items()]
    return "; ".join(words)


@app.command("show")
def show_journey(
    journey: Annotated[str, typer.Argument(help="Id of the journey.")],
    state: StateOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show one journey, and what people did to it. `leadloop why LEAD` tells its turns."""
    from leadloop.inbox.operations.log import operations_about
    from leadloop.inbox.operations.view import journey_json, operation_json
    from leadloop.storage.tables import Enrolment

    with open_environment(state) as env:
        with env.database.read() as session:
            row = session.get(Enrolment, journey)
            if row is None:
                typer.echo("there is no such journey; `leadloop journey list` shows them", err=True)
                raise typer.Exit(1)
            found = journey_json(session, env, row) | {"temporal": temporal_pages(state).journey(row.id)}
            log = [operation_json(one) for one in operations_about(session, [row])[row.id]]
        zone = ZoneInfo(env.publications.current().publication.workspace.timezone)
    if as_json:
        print_json(found | {"operations": log})
        return
    for name, value in found.items():
        if value not in (None, "", {}, False):
            typer.echo(f"{name.replace('_', ' '):<18} {_plain(value, zone)}")
    for one in log:
        typer.echo(operation_line(one, zone))


def _plain(value: object, zone: ZoneInfo) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} ({clock})" for name, clock in value.items())
    return str(value)


@app.command("pause")
def pause(
    journey: JourneyArgument = None,
    scenario: ScenarioOption = None,
    clock: Annotated[
        ClockWord,
        typer.Option("--clock", help="What waits do meanwhile: go on, stand still, or begin again."),
    ] = ClockWord.RUN,
    reason: ReasonOption = "",
    by: ByOption = None,
    dry_run: DryRunOption = False,
    state: StateOption = None,
    as_json: JsonOption = False,
) -> None:
    """Pause a journey, or a scenario: no turn is taken, no mail leaves.

    What people do is recorded and counts afterwards; goals and refusals still end a paused journey.
    Who enters a paused scenario begins when it is resumed.
    """
    from leadloop.inbox.operations.commands import pause_journey
    from leadloop.inbox.operations.scenarios import pause_scenario

    def one(env: Environment, journey_id: str, caller: Caller) -> JourneyResult:
        return pause_journey(env, journey_id, caller, clock.value)

    def whole(env: Environment, name: str, caller: Caller) -> ScenarioResult:
        return pause_scenario(env, name, caller, clock.value)

    _run(journey, scenario, one, whole, by, reason, dry_run, state, as_json)


@app.command("resume")
def resume(
    journey: JourneyArgument = None,
    scenario: ScenarioOption = None,
    reason: ReasonOption = "",
    by: ByOption = None,
    dry_run: DryRunOption = False,
    state: StateOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let a paused journey or scenario go on; journeys paused by themselves stay so."""
    from leadloop.inbox.operations.commands import resume_journey
    from leadloop.inbox.operations.scenarios import resume_scenario

    _run(journey, scenario, resume_journey, resume_scenario, by, reason, dry_run, state, as_json)


@app.command("cancel")
def cancel(
    journey: Annotated[str, typer.Argument(help="Id of the journey.")],
    reason: ReasonOption = "",
    by: ByOption = None,
    dry_run: DryRunOption = False,
    state: StateOption = None,
    as_json: JsonOption = False,
) -> None:
    """End a journey now, as `cancelled`. Its open tasks and offers are withdrawn, its mails skipped."""
    from leadloop.inbox.operations.commands import cancel_journey

    _run(journey, None, cancel_journey, None, by, reason, dry_run, state, as_json)


@app.command("retry")
def retry(
    journey: JourneyArgument = None,
    scenario: ScenarioOption = None,
    reason: ReasonOption = "",
    by: ByOption = None,
    dry_run: DryRunOption = False,
    state: StateOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let a held journey, or all held ones of a scenario, try again in their next turn.

    A mail that was sent, or may have been, is not sent again.
    """
    from leadloop.inbox.operations.commands import retry_journey

    if scenario is None or journey is not None:
        _run(journey, scenario, retry_journey, None, by, reason, dry_run, state, as_json)
        return
    caller = caller_of(by, reason, dry_run)
    with open_environment(state) as env:
        results = [retry_journey(env, one, caller) for one in _held(env, scenario)]
        documents = [_document(env, one, dry_run) for one in results]
    if as_json:
        print_json({"items": documents, "dry_run": dry_run})
        return
    tried = sum(one.no_op is None for one in results)
    typer.echo(f"{scenario}: {tried} of {len(results)} held journeys {'would ' if dry_run else ''}try again")


def _held(env: Environment, scenario: str) -> list[str]:
    from sqlmodel import col, select

    from leadloop.storage.tables import Enrolment, EnrolmentStatus

    with env.database.read() as session:
        rows = session.exec(
            select(Enrolment.id)
            .where(Enrolment.scenario == scenario, Enrolment.status == EnrolmentStatus.HELD)
            .order_by(col(Enrolment.id))
        ).all()
    return list(rows)


def _run(
    journey: str | None,
    scenario: str | None,
    one: Callable[[Environment, str, Caller], JourneyResult],
    whole: Callable[[Environment, str, Caller], ScenarioResult] | None,
    by: str | None,
    reason: str,
    dry_run: bool,
    state: Path | None,
    as_json: bool,
) -> None:
    """Carry a command out on one journey or a scenario. Exit code 1 where nothing changed."""
    if (journey is None) == (scenario is None):
        raise typer.BadParameter("name one journey, or a scenario with --scenario")
    caller = caller_of(by, reason, dry_run)
    with open_environment(state) as env, told_errors():
        if journey is not None:
            result = one(env, journey, caller)
            no_op, document = result.no_op, _document(env, result, dry_run)
            words = f"journey {journey} of {document['scenario']}: {document['status']}"
        elif whole is not None and scenario is not None:
            found = whole(env, scenario, caller)
            settled = 0 if dry_run or found.no_op else _settle(env, not as_json)
            no_op = found.no_op
            document = found.as_json() | {"settled": settled, "no_op": no_op, "dry_run": dry_run}
            verb = "paused" if found.paused else "resumed"
            words = f"{scenario}: {verb}, {found.concerned} open journeys"
        else:
            raise typer.BadParameter("name a journey")
    _print(document, words, no_op, dry_run, as_json)


def _settle(env: Environment, tell: bool) -> int:
    """Bring the journeys in line at once; the workers' loop would do it too."""
    import sys

    from leadloop.inbox.operations.scenarios import settle_scenarios

    done = 0
    while moved := settle_scenarios(env):
        done += moved
        if tell and sys.stderr.isatty():
            typer.echo(f"\r{done:,} journeys", err=True, nl=False)
    return done


def _document(env: Environment, result: JourneyResult, dry_run: bool) -> dict[str, Any]:
    from leadloop.inbox.operations.view import journey_json, operation_json

    with env.database.read() as session:
        found = journey_json(session, env, result.journey)
    operation = operation_json(result.operation) if result.operation is not None else None
    return found | {"no_op": result.no_op, "operation": operation, "dry_run": dry_run}


def _print(document: dict[str, Any], words: str, no_op: str | None, dry_run: bool, as_json: bool) -> None:
    from leadloop.inbox.operations.commands import NO_OPS

    if as_json:
        print_json(document)
    elif no_op is None:
        typer.echo(words)
        if dry_run:
            typer.echo("dry run: nothing was changed")
    if no_op is not None:
        typer.echo(f"nothing was changed: {NO_OPS[no_op]}", err=True)
        raise typer.Exit(1)
