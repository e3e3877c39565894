"""`leadloop graph`: a scenario as a Mermaid flowchart."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from leadloop.cli.workspaces import WorkspaceOption, find_workspace


def graph(
    scenario: Annotated[str, typer.Argument(help="The name of a scenario, or its file.")],
    workspace: WorkspaceOption = None,
) -> None:
    """Print a scenario as Mermaid text, for a README or https://mermaid.live."""
    from leadloop.language.compiler import compile_workspace
    from leadloop.language.diagnostics import render_text
    from leadloop.language.graph import to_mermaid
    from leadloop.language.suggest import Suggestion

    folder = find_workspace(workspace)
    path = Path(scenario)
    only = [path] if path.suffix == ".yaml" else None
    compilation = compile_workspace(folder, only)
    if compilation.publication is None:
        typer.echo(render_text(compilation.errors), err=True)
        raise typer.Exit(1)
    plans = compilation.publication.plans
    plan = next(iter(plans.values()), None) if only else plans.get(scenario)
    if plan is None:
        typer.echo(f"there is no scenario `{scenario}`: {Suggestion(scenario, plans)}", err=True)
        raise typer.Exit(1)
    typer.echo(to_mermaid(plan), nl=False)
