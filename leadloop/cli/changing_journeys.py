"""`leadloop journey pause|resume|cancel|retry`: what a person does to one journey, or to a scenario."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from leadloop.cli.callers import ByOption, DryRunOption, ReasonOption, told_errors
from leadloop.cli.changing import Change, Nothing, settle, tell_change
from leadloop.cli.environments import StateOption, open_environment
from leadloop.cli.output import JsonOption, print_json

if TYPE_CHECKING:
    from leadloop.inbox.operations.commands import JourneyResult
    from leadloop.inbox.operations.log import Caller
    from leadloop.inbox.operations.scenarios import ScenarioResult
    from leadloop.storage.environment import Environment

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


def pause(
    journey: JourneyArgument = None,
    scenario: ScenarioOption = None,
    clock: Annotated[
        ClockWord | None,
        typer.Option(
            "--clock",
            help="What waits do meanwhile: go on (by default), stand still, or begin again. A wait until a "
            "date ends on it.",
            show_default=False,
        ),
    ] = None,
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

    word = clock.value if clock is not None else None

    def one(env: Environment, journey_id: str, caller: Caller) -> JourneyResult:
        return pause_journey(env, journey_id, caller, word)

    def whole(env: Environment, name: str, caller: Caller) -> ScenarioResult:
        return pause_scenario(env, name, caller, word)

    _run(journey, scenario, one, whole, Change(by, reason, dry_run, state, as_json))


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

    _run(journey, scenario, resume_journey, resume_scenario, Change(by, reason, dry_run, state, as_json))


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

    _run(journey, None, cancel_journey, None, Change(by, reason, dry_run, state, as_json))


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

    change = Change(by, reason, dry_run, state, as_json)
    if scenario is None or journey is not None:
        _run(journey, scenario, retry_journey, None, change)
        return
    caller = change.caller()
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
    change: Change,
) -> None:
    """Carry a command out on one journey or a scenario. Exit code 1 where it is refused."""
    if (journey is None) == (scenario is None):
        raise typer.BadParameter("name one journey, or a scenario with --scenario")
    from leadloop.inbox.operations.commands import ALREADY, NO_OPS
    from leadloop.inbox.operations.scenarios import settle_scenarios

    caller, dry_run = change.caller(), change.dry_run
    with open_environment(change.state) as env, told_errors():
        if journey is not None:
            result = one(env, journey, caller)
            no_op, document = result.no_op, _document(env, result, dry_run)
            words = f"journey {journey} of {document['scenario']}: {document['status']}"
        elif whole is not None and scenario is not None:
            found = whole(env, scenario, caller)
            settled = 0
            if not dry_run and found.no_op is None:
                settled = settle(lambda: settle_scenarios(env), "journeys", tell=not change.as_json)
            no_op = found.no_op
            document = found.as_json() | {"settled": settled, "no_op": no_op, "dry_run": dry_run}
            verb = "paused" if found.paused else "resumed"
            words = f"{scenario}: {verb}, {found.concerned} open journeys"
        else:
            raise typer.BadParameter("name a journey")
    nothing = Nothing(NO_OPS[no_op], no_op not in ALREADY) if no_op is not None else None
    tell_change(document, words, nothing, dry_run=dry_run, as_json=change.as_json)


def _document(env: Environment, result: JourneyResult, dry_run: bool) -> dict[str, Any]:
    from leadloop.inbox.operations.view import journey_json, operation_json

    with env.database.read() as session:
        found = journey_json(session, env, result.journey)
    operation = operation_json(result.operation) if result.operation is not None else None
    return found | {"no_op": result.no_op, "operation": operation, "dry_run": dry_run}
