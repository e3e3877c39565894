"""`leadloop try SCENARIO`: what becomes of a lead, as three timelines. No server, no database."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from leadloop.cli.compiling import find_plan
from leadloop.cli.languages import Lang, LanguageOption, language_of
from leadloop.cli.output import JsonOption, print_json
from leadloop.cli.workspaces import WorkspaceOption, find_workspace

if TYPE_CHECKING:
    from leadloop.cli.try_options import Given
    from leadloop.journey.simulation import Choices, Line, Timeline, Unreached
    from leadloop.language.messages import Language
    from leadloop.language.plan import Plan, Publication

_BEGINS_AT_HOUR = 10
_TITLES = {
    "ignores": "The lead ignores everything",
    "clicks": "The lead clicks in every mail",
    "turns hot": "The lead turns hot",
}


class Habit(StrEnum):
    """What a lead does by itself."""

    ignores = "ignores"
    clicks = "clicks"
    hot = "hot"


def try_scenario(
    scenario: Annotated[str, typer.Argument(help="The name of a scenario.")],
    workspace: WorkspaceOption = None,
    begin: Annotated[
        datetime | None,
        typer.Option(
            "--from",
            "--start",
            formats=["%Y-%m-%d"],
            help="First day. Default: next Monday.",
            show_default=False,
        ),
    ] = None,
    only: Annotated[
        list[Habit] | None,
        typer.Option("--only", help="Only this timeline. May be repeated.", show_default=False),
    ] = None,
    do: Annotated[
        list[str] | None,
        typer.Option(
            "--do",
            metavar="'DAY EVENT NAME=VALUE …'",
            help="Let this happen too, so long after the entry: '3d form_submitted form=contact', "
            "'2d 17:00 email_clicked of=thanks'. May be repeated.",
            show_default=False,
        ),
    ] = None,
    task: Annotated[
        str | None,
        typer.Option(
            "--task", metavar="OUTCOME", help="Every task that has this outcome ends so.", show_default=False
        ),
    ] = None,
    outcome: Annotated[
        list[str] | None,
        typer.Option(
            "--outcome",
            metavar="STEP=OUTCOME",
            help="How a task or a hand_off ends; absent,connected for one try after another; "
            "overdue: not in time. May be repeated.",
            show_default=False,
        ),
    ] = None,
    arm: Annotated[
        list[str] | None,
        typer.Option(
            "--arm",
            metavar="[STEP=]NAME",
            help="The arm of an experiment that is drawn; control and rest too. May be repeated.",
            show_default=False,
        ),
    ] = None,
    winner: Annotated[
        list[str] | None,
        typer.Option(
            "--winner",
            metavar="[STEP=]NAME",
            help="The arm that wins for the rest. Default: the one of `tie`. May be repeated.",
            show_default=False,
        ),
    ] = None,
    webhook_fails: Annotated[bool, typer.Option("--webhook-fails", help="Every webhook fails.")] = False,
    entry: Annotated[
        int | None,
        typer.Option(
            "--entry", metavar="NUMBER", help="The entry to enter by, from 1. Default: 1.", show_default=False
        ),
    ] = None,
    lead: Annotated[
        Path | None,
        typer.Option(
            "--lead",
            metavar="FILE",
            help="A YAML or JSON file of lead fields. Default: a lead made up for the scenario.",
            show_default=False,
        ),
    ] = None,
    lang: LanguageOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what a scenario does to a lead that ignores it, one that clicks, and one that turns hot.

    Each line says when, at which step, what happens and why. Nothing is sent, and other scenarios
    are named, not played. In the end come the steps that no timeline reached.
    """
    import gc

    gc.disable()  # a short run makes no garbage worth collecting
    from leadloop.cli.try_options import Given
    from leadloop.journey.simulation import BEHAVIOURS, simulate, unreached

    publication = _compile(find_workspace(workspace), lang)
    plan = find_plan(publication, scenario)
    given = Given(do or (), task, outcome or (), arm or (), winner or (), webhook_fails, entry, lead)
    choices = _choices(publication, plan, given)
    language = language_of(lang)
    start = _begin(begin, ZoneInfo(publication.workspace.timezone))
    wanted = [habit.value for habit in only or ()]
    timelines = [
        simulate(publication, plan.scenario, behaviour, start, choices, language)
        for behaviour in BEHAVIOURS
        if not wanted or behaviour.removeprefix("turns ") in wanted
    ]
    missing = unreached(plan, timelines)
    if as_json:
        print_json(_document(plan, timelines, missing))
        return
    typer.echo(f"{plan.scenario}" + (f"  {plan.title}" if plan.title else ""))
    for timeline in timelines:
        _print(timeline, language)
    _print_missing(missing)


def _compile(folder: Path, lang: Lang | None) -> Publication:
    from leadloop.cli.problems import print_problems
    from leadloop.language.compiler import compile_workspace

    compilation = compile_workspace(folder)
    if compilation.publication is None:
        print_problems(compilation.errors, language_of(lang))
        raise typer.Exit(1)
    return compilation.publication


def _choices(publication: Publication, plan: Plan, given: Given) -> Choices:
    from leadloop.cli.try_options import TryOptionError, read_choices

    try:
        return read_choices(publication, plan, given)
    except TryOptionError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None


def _begin(day: datetime | None, zone: ZoneInfo) -> datetime:
    if day is None:
        today = datetime.now(zone)
        day = today + timedelta(days=7 - today.weekday())
    return day.replace(hour=_BEGINS_AT_HOUR, minute=0, second=0, microsecond=0, tzinfo=zone)


def _print(timeline: Timeline, language: Language) -> None:
    zone = ZoneInfo(timeline.zone)
    typer.echo(f"\n{_TITLES[timeline.behaviour]}")
    for line in timeline.lines:
        typer.echo(_text(line, zone, language))
    scores = ", ".join(
        f"{model} {points}" + (f" ({timeline.bands[model]})" if model in timeline.bands else "")
        for model, points in timeline.scores.items()
    )
    outcome = timeline.outcome or ("goes on" if timeline.entered else "does not enter")
    ending = [outcome, f"mails {timeline.mails}", f"stage {timeline.stage}", *([scores] if scores else [])]
    typer.echo("  => " + "; ".join(ending))


def _text(line: Line, zone: ZoneInfo, language: Language) -> str:
    from leadloop.journey.simulation.words import shown_time

    points = ", ".join(f"{points:+d} {model} ({rule})" for model, points, rule in line.points)
    step = f"[{line.step}] " if line.step else ""
    return f"  {shown_time(line.at, zone, language)}  {step}{line.text}" + (f"  {points}" if points else "")


def _print_missing(missing: list[Unreached]) -> None:
    if not missing:
        return
    typer.echo("\nnot reached: " + ", ".join(one.step for one in missing))
    for one in missing:
        if one.hint:
            typer.echo(f"  {one.step}: try {one.hint}")


def _document(plan: Plan, timelines: list[Timeline], missing: list[Unreached]) -> dict[str, Any]:
    return {
        "scenario": plan.scenario,
        "title": plan.title,
        "timelines": [_timeline(one) for one in timelines],
        "not_reached": [asdict(one) for one in missing],
    }


def _timeline(timeline: Timeline) -> dict[str, Any]:
    zone = ZoneInfo(timeline.zone)
    lines = [asdict(line) | {"at": line.at.astimezone(zone)} for line in timeline.lines]
    return asdict(timeline) | {"lines": lines}
