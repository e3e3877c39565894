"""Write docs/gallery.md and docs/gallery/NAME.svg from the shipped scenarios.

`--check` writes nothing and fails when the files are not what would be written.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from leadloop.language.compiler import compile_workspace
from leadloop.language.graph import draw, to_svg
from leadloop.language.graph.drawing import Drawing
from leadloop.language.plan import Plan, Workspace

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
HEAD = """\
# Gallery

The scenarios in [`scenarios/`](../scenarios), as `leadloop graph NAME --format svg` draws them.
`make gallery` writes this page; the texts are the comments at the top of the files.
"""


def pages(workspace: Path = ROOT) -> dict[str, str]:
    """Return path below `docs` -> content of every file of the gallery.

    Raises `CompileError` where the workspace has errors.
    """
    publication = compile_workspace(workspace).require()
    shared = publication.workspace
    found = {}
    parts = [HEAD]
    for name, plan in sorted(publication.plans.items()):
        found[f"gallery/{name}.svg"] = to_svg(draw(plan, "ja", shared))
        source = publication.sources[f"scenarios/{name}.yaml"]
        parts.append("\n".join(section(name, plan, shared, source)) + "\n")
    return {**found, "gallery.md": "\n".join(parts)}


def section(name: str, plan: Plan, workspace: Workspace, source: str) -> Iterator[str]:
    """Yield the lines about one scenario."""
    drawing = draw(plan, "en", workspace)
    yield f"## {escape(drawing.title)}"
    yield ""
    yield f"[`{name}.yaml`](../scenarios/{name}.yaml)"
    yield ""
    comment = leading_comment(source)
    if comment:
        yield from map(escape, comment)
        yield ""
    yield f"![{escape(drawing.title)}](gallery/{name}.svg)"
    yield ""
    for heading, texts in summary(drawing):
        yield f"- {heading}: {'; '.join(map(escape, texts))}"


def leading_comment(source: str) -> list[str]:
    """Return the comment at the top of a file, without the modeline of editors."""
    lines = []
    for line in source.splitlines():
        if not line.startswith("#"):
            break
        text = line.lstrip("#").strip()
        if not text.startswith("yaml-language-server:"):
            lines.append(text)
    return lines


def summary(drawing: Drawing) -> Iterator[tuple[str, list[str]]]:
    """Yield (heading, texts): who enters, for whom it is, and how it ends."""
    yield "Entry", [node.title for node in drawing.nodes if node.family == "entry"]
    for heading in dict.fromkeys(name for name, _ in drawing.notes):
        yield heading, [text for name, text in drawing.notes if name == heading]
    exits = dict.fromkeys(node.title for node in drawing.nodes if node.family == "end")
    if exits:
        yield "Exits", list(exits)


def escape(text: str) -> str:
    """Return a text with what Markdown would read as markup escaped."""
    return "".join("\\" + sign if sign in "\\`*_[]<>#|" else sign for sign in text)


def main(arguments: list[str]) -> int:
    """Write the gallery, or with `--check` say what is not up to date; then 1."""
    wanted = pages()
    present = {f"gallery/{path.name}" for path in (DOCS / "gallery").glob("*")}
    if "--check" in arguments:
        old = [name for name, text in wanted.items() if not is_same(DOCS / name, text)]
        old += sorted(present - set(wanted))
        print(
            "\n".join(f"docs/{name} is not up to date: make gallery" for name in old) or "gallery up to date"
        )
        return 1 if old else 0
    (DOCS / "gallery").mkdir(exist_ok=True)
    for name in present - set(wanted):
        (DOCS / name).unlink()
    for name, text in wanted.items():
        (DOCS / name).write_bytes(text.encode())
    print(f"{len(wanted) - 1} pictures in docs/gallery")
    return 0


def is_same(path: Path, text: str) -> bool:
    """Say whether a file has exactly this text."""
    return path.is_file() and path.read_bytes() == text.encode()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
