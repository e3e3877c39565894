"""Colours of pictures, light and dark. Plain CSS classes: what is not a browser understands them too."""

from __future__ import annotations

FONTS = (
    'system-ui, -apple-system, "Segoe UI", "Hiragino Sans", "Noto Sans JP", "Noto Sans CJK JP", '
    '"Yu Gothic UI", Meiryo, IPAGothic, sans-serif'
)

_FAMILIES = {
    # family -> light fill, light edge, dark fill, dark edge
    "entry": ("#1f3a5f", "#1f3a5f", "#9cc3f0", "#9cc3f0"),
    "mail": ("#e3effc", "#2f6db3", "#15304d", "#6ba6e6"),
    "wait": ("#f4f1e6", "#9a8440", "#332d18", "#c8b064"),
    "decision": ("#fdeedd", "#c46a12", "#412710", "#eda255"),
    "sales": ("#e4f4e8", "#2e8047", "#153520", "#6cc487"),
    "data": ("#f0eafa", "#7350b0", "#2b2044", "#b497ea"),
    "end": ("#5a626d", "#5a626d", "#aab2bd", "#aab2bd"),
}
_LIGHT = {"page": "#ffffff", "ink": "#1b2430", "soft": "#4d5866", "line": "#66717f", "band": "#f5f7f9",
          "pill": "#ffffff", "clock": "#75601c"}  # fmt: skip
_DARK = {"page": "#14181d", "ink": "#e8ecf1", "soft": "#b3bcc8", "line": "#8c97a5", "band": "#1a2027",
         "pill": "#10141a", "clock": "#d9c27a"}  # fmt: skip


def style() -> str:
    """Return the style sheet of a picture."""
    base = f"text{{font-family:{FONTS};font-size:10.5px}}.title{{font-size:12px;font-weight:600}}"
    base += ".head{font-size:16px;font-weight:700}.stage{font-size:12px;font-weight:700}"
    base += ".box{stroke-width:1.2}.line{fill:none;stroke-width:1.2}.mid{text-anchor:middle}"
    dark = _rules(_DARK, {name: (fill, edge) for name, (_, _, fill, edge) in _FAMILIES.items()})
    light = _rules(_LIGHT, {name: (fill, edge) for name, (fill, edge, _, _) in _FAMILIES.items()})
    return f"{base}{light}@media screen and (prefers-color-scheme:dark){{{dark}}}"


def _rules(colours: dict[str, str], families: dict[str, tuple[str, str]]) -> str:
    c = colours
    rules = [
        f".page{{fill:{c['page']}}}.ink{{fill:{c['ink']}}}.soft{{fill:{c['soft']}}}",
        f".line{{stroke:{c['line']}}}.tip{{fill:{c['line']}}}",
        f".lane{{fill:{c['page']}}}.band{{fill:{c['band']}}}.pill{{fill:{c['pill']}}}"
        f".clock{{fill:{c['clock']}}}",
    ]
    rules += [f".{name}{{fill:{fill};stroke:{edge}}}" for name, (fill, edge) in families.items()]
    return "".join(rules)
