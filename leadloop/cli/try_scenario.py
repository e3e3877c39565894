"""`leadloop try SCENARIO`: what becomes of a lead, as three timelines. No server, no database."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from leadloop.cli.languages import Lang, LanguageOption, language_of
from leadloop.cli.workspaces import WorkspaceOption, find_workspace

if TYPE_CHECKING:
    from leadloop.journey.simulation import Line, Timeline
    from leadloop.language.plan import Plan, Publication

_BEGINS_AT_HOUR = 10
_TITLES = {
    "ignores": "The lead ignores everything",
    "clicks": "The lead clicks in every mail",
    "turns hot": "The lead turns hot",
}


def try_scenario(
    scenario: Annotated[str, typer.Argument(help="The name of a scenario.")],
    workspace: WorkspaceOption = None,
    begin: Annotated[
        datetime | None,
        typer.Option(
            "--from", formats=["%Y-%m-%d"], help="First day. Default: next Monday.", show_default=False
        ),
    ] = None,
    lang: LanguageOption = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON document on standard output, nothing else there.")
    ] = False,
) -> None:
    """Show what a scenario does to a lead that ignores it, one that clicks, and one that turns hot."""
    import gc

    gc.disable()  # a short run makes no garbage worth collecting
    from leadloop.journey.simulation import BEHAVIOURS, simulate

    publication = _compile(find_workspace(workspace), lang)
    plan = _find(publication, scenario)
    zone = ZoneInfo(publication.workspace.timezone)
    start = _begin(begin, zone)
    timelines = [simulate(publication, plan.scenario, behaviour, start) for behaviour in BEHAVIOURS]
    if as_json:
        _print_json(plan, timelines)
        return
    typer.echo(f"{plan.scenario}" + (f"  {plan.title}" if plan.title else ""))
    for timeline in timelines:
        _print(timeline, zone)


def _compile(folder: Path, lang: Lang | None) -> Publication:
    from leadloop.cli.problems import print_problems
    from leadloop.language.compiler import compile_workspace

    compilation = compile_workspace(folder)
    if compilation.publication is None:
        print_problems(compilation.errors, language_of(lang))
        raise typer.Exit(1)
    return compilation.publication


def _find(publication: Publication, name: str) -> Plan:
    from leadloop.language.suggest import nearest

    plan = publication.plans.get(Path(name).stem if name.endswith(".yaml") else name)
    if plan is None:
        near = nearest(name, publication.plans)
        hint = f"did you mean `{near}`? " if near else ""
        known = ", ".join(sorted(publication.plans)) or "none"
        typer.echo(f"there is no scenario `{name}`: {hint}The scenarios: {known}", err=True)
        raise typer.Exit(1)
    return plan


def _begin(day: datetime | None, zone: ZoneInfo) -> datetime:
    if day is None:
        today = datetime.now(zone)
        day = today + timedelta(days=7 - today.weekday())
    return day.replace(hour=_BEGINS_AT_HOUR, minute=0, second=0, microsecond=0, tzinfo=zone)


def _print(timeline: Timeline, zone: ZoneInfo) -> None:
    typer.echo(f"\n{_TITLES[timeline.behaviour]}")
    for line in timeline.lines:
        typer.echo(_text(line, zone))
    scores = ", ".join(
        f"{model} {points}" + (f" ({timeline.bands[model]})" if model in timeline.bands else "")
        for model, points in timeline.scores.items()
    )
    typer.echo(
        f"  => {timeline.outcome or 'goes on'}; mails {timeline.mails}; stage {timeline.stage}; {scores}"
    )


def _text(line: Line, zone: ZoneInfo) -> str:
    points = ", ".join(f"{points:+d} {model} ({rule})" for model, points, rule in line.points)
    step = f"[{line.step}] " if line.step else ""
    return f"  {line.at.astimezone(zone):%Y-%m-%d %a %H:%M}  {step}{line.text}" + (
        f"  {points}" if points else ""
    )


def _print_json(plan: Plan, timelines: list[Timeline]) -> None:
    import json

    document = {
        "scenario": plan.scenario,
        "title": plan.title,
        "timelines": [asdict(one) for one in timelines],
    }
    typer.echo(json.dumps(document, ensure_ascii=False, indent=2, default=datetime.isoformat))
