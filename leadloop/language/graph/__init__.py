"""A plan as a picture: drawing (what) -> layout (where) -> SVG, HTML, or Mermaid text."""

from __future__ import annotations

from leadloop.language.graph.draw import draw
from leadloop.language.graph.html import to_html
from leadloop.language.graph.mermaid import to_mermaid
from leadloop.language.graph.svg import to_svg

__all__ = ["draw", "to_html", "to_mermaid", "to_svg"]
