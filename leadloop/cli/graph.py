"""`leadloop graph`: a scenario as a picture."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from leadloop.cli.languages import Lang, language_of
from leadloop.cli.output import JsonOption, print_json
from leadloop.cli.workspaces import WorkspaceOption, find_workspace

if TYPE_CHECKING:
    from leadloop.language.graph.drawing import Drawing
    from leadloop.language.messages import Language
    from leadloop.language.plan import Plan, Publication


class PictureFormat(StrEnum):
    """What kind of file the picture is."""

    mermaid = "mermaid"
    svg = "svg"
    html = "html"


def graph(
    scenario: Annotated[str, typer.Argument(help="The name of a scenario, or its file.")],
    workspace: WorkspaceOption = None,
    picture_format: Annotated[
        PictureFormat,
        typer.Option(
            "--format",
            "-f",
            help="mermaid: text for a README or https://mermaid.live. svg: an A4 page. html: one file with "
            "the picture and a table of the steps.",
        ),
    ] = PictureFormat.mermaid,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="File to write. Default: standard output.", show_default=False),
    ] = None,
    lang: Annotated[
        Lang | None,
        typer.Option(
            "--lang", help="Language of the words. Default: the workspace's locale.", show_default=False
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Draw a scenario: steps, waits on the arrows, branches, loops, exits, AIDMA stages as lanes.

    Needs no browser and no network. The same scenario always gives the same file. With --json the
    drawing is printed as data: its nodes, arrows and lanes.
    """
    from leadloop.language.graph import draw, to_html, to_mermaid, to_svg

    if as_json and output is not None:
        raise typer.BadParameter("--json is printed: leave out --output", param_hint="--json")
    publication, plan = _find(find_workspace(workspace), scenario, lang, as_json)
    locale = publication.workspace.locale
    language: Language = language_of(lang) if lang else "ja" if locale.startswith("ja") else "en"
    drawing = draw(plan, language, publication.workspace)
    if as_json:
        print_json(_as_data(drawing))
    elif picture_format is PictureFormat.svg:
        _write(to_svg(drawing), output)
    elif picture_format is PictureFormat.html:
        _write(to_html(plan, drawing, publication.workspace), output)
    else:
        _write(to_mermaid(drawing), output)


def _find(folder: Path, scenario: str, lang: Lang | None, as_json: bool) -> tuple[Publication, Plan]:
    """Return the compiled workspace and the plan; exit with code 1 where there is none."""
    from leadloop.cli import problems
    from leadloop.language.compiler import compile_workspace
    from leadloop.language.suggest import Suggestion

    path = Path(scenario)
    only = [path] if path.suffix == ".yaml" else None
    compilation = compile_workspace(folder, only)
    if compilation.publication is None:
        if as_json:
            typer.echo(problems.as_json(compilation.diagnostics, language_of(lang)))
        else:
            problems.print_problems(compilation.errors, language_of(lang))
        raise typer.Exit(1)
    plans = compilation.publication.plans
    plan = next(iter(plans.values()), None) if only else plans.get(scenario)
    if plan is None:
        text = f"there is no scenario `{scenario}`; {Suggestion(scenario, plans)}"
        if as_json:
            print_json({"error": text, "scenarios": sorted(plans)})
        else:
            typer.echo(text, err=True)
        raise typer.Exit(1)
    return compilation.publication, plan


def _as_data(drawing: Drawing) -> dict[str, object]:
    from dataclasses import asdict

    return asdict(drawing)


def _write(text: str, output: Path | None) -> None:
    """Print a picture, or write it as UTF-8 with plain line ends on every system."""
    if output is None:
        typer.echo(text, nl=False)
        return
    try:
        output.write_bytes(text.encode())
    except OSError as error:
        typer.echo(f"{output}: {error.strerror}", err=True)
        raise typer.Exit(1) from None
