"""A drawing as Mermaid text (https://mermaid.js.org/syntax/flowchart.html)."""

from __future__ import annotations

from leadloop.language.graph.cells import cut, plain
from leadloop.language.graph.drawing import Drawing, Node
from leadloop.language.graph.words import word
from leadloop.language.messages.base import Language

_WIDEST = 60


def to_mermaid(drawing: Drawing) -> str:
    """Return a flowchart: its nodes, in a subgraph per lane, and its arrows."""
    language: Language = "ja" if drawing.language == "ja" else "en"
    names = {node.id: f"n{at}" for at, node in enumerate(drawing.nodes)}
    lines = ["flowchart TD"]
    for lane in ("", *drawing.lanes):
        members = [node for node in drawing.nodes if (node.lane or "") == lane]
        shown = [f"{names[node.id]}{_shape(node)}" for node in members]
        if lane:
            lines.append(f'  subgraph {lane}["{_text(word(lane, language))}"]')
            lines += [f"    {one}" for one in shown]
            lines.append("  end")
        else:
            lines += [f"  {one}" for one in shown]
    for arrow in drawing.arrows:
        label = "<br/>".join(map(_text, filter(None, [" / ".join(arrow.reasons), " + ".join(arrow.waits)])))
        way = f'-->|"{label}"|' if label else "-->"
        lines.append(f"  {names[arrow.source]} {way} {names[arrow.target]}")
    return "\n".join(lines) + "\n"


def _shape(node: Node) -> str:
    text = '"' + "<br/>".join(map(_text, filter(None, [node.title, node.what]))) + '"'
    if node.family in ("entry", "end"):
        return f"([{text}])"
    if node.family == "decision":
        return f"{{{{{text}}}}}"
    return f"({text})" if node.family == "wait" else f"[{text}]"


def _text(text: str) -> str:
    """Return a text with what Mermaid would read as markup as entities."""
    short = cut(plain(text), _WIDEST)
    for sign, entity in (("#", "#35;"), ('"', "#quot;"), ("<", "#lt;"), (">", "#gt;")):
        short = short.replace(sign, entity)
    return short
