"""A drawing as one HTML file that needs nothing else: the picture and a table of the steps."""

from __future__ import annotations

from xml.sax.saxutils import escape

from leadloop.language.graph.cells import plain
from leadloop.language.graph.draw import title_of
from leadloop.language.graph.drawing import Drawing
from leadloop.language.graph.step_texts import Texts
from leadloop.language.graph.style import FONTS
from leadloop.language.graph.svg import to_svg
from leadloop.language.graph.words import kind_word, word
from leadloop.language.messages.base import Language
from leadloop.language.plan import Plan, Workspace

_STYLE = f"""
body{{margin:2rem auto;padding:0 1rem;max-width:60rem;font-family:{FONTS};line-height:1.5;color:#1b2430;
background:#fff}}
svg{{display:block;max-width:100%;height:auto}}
table{{border-collapse:collapse;width:100%;font-size:.875rem}}
th,td{{text-align:left;vertical-align:top;padding:.3rem .6rem;border-bottom:1px solid #dde2e8}}
td.number{{text-align:right}}
@media screen and (prefers-color-scheme:dark){{body{{color:#e8ecf1;background:#14181d}}
th,td{{border-color:#313a45}}}}
@media print{{body{{margin:0;max-width:none}}table{{break-before:page}}}}
"""


def to_html(plan: Plan, drawing: Drawing, workspace: Workspace | None = None) -> str:
    """Return the page. Every step of the plan has a row, also those that are arrows in the picture."""
    language: Language = "ja" if drawing.language == "ja" else "en"
    texts = Texts(language, workspace)
    columns = ("id", "kind", "title", "stage", "line", "what")
    heads = "".join(f'<th scope="col">{_text(word(one, language))}</th>' for one in columns)
    rows = []
    for step in plan.steps.values():
        stage = word(step.journey_stage, language) if step.journey_stage else ""
        cells = (step.id, kind_word(step.kind, language), title_of(step), stage)
        shown = "".join(f"<td>{_text(cell)}</td>" for cell in cells)
        line = step.line or ""
        rows.append(f'<tr>{shown}<td class="number">{line}</td><td>{_text(texts.what(step))}</td></tr>')
    return (
        "\n".join(
            [
                "<!doctype html>",
                f'<html lang="{language}">',
                '<head><meta charset="utf-8">',
                '<meta name="viewport" content="width=device-width, initial-scale=1">',
                f"<title>{_text(drawing.title)}</title><style>{_STYLE}</style></head>",
                "<body>",
                f"<h1>{_text(drawing.title)}</h1>",
                f"<p><code>{_text(drawing.scenario)}</code></p>",
                to_svg(drawing).rstrip(),
                f"<h2>{_text(word('table', language))}</h2>",
                f"<table><thead><tr>{heads}</tr></thead>",
                "<tbody>",
                *rows,
                "</tbody></table>",
                "</body></html>",
            ]
        )
        + "\n"
    )


def _text(text: str) -> str:
    return escape(plain(text))
