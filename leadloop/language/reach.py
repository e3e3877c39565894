"""Which points a lead can have in a model at all, found in scoring.yaml before it is judged."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from collections.abc import Mapping as MappingOf
from dataclasses import dataclass

from leadloop.language.nodes import Mapping, Node, Scalar, Sequence

_WHOLE = re.compile(r"-?\d{1,9}")
_THRESHOLD = re.compile(
    r"(?<![\w.])lead\.score\.(?P<model>\w+)\s*(?P<sign>>=|>|==)\s*(?P<number>\d{1,9})(?!\s*[-+*/%.\w])"
)
_TURNED = re.compile(
    r"(?<![\w.])(?<![-+*/%])(?<![-+*/%] )(?P<number>\d{1,9})\s*(?P<sign><=|<|==)\s*"
    r"lead\.score\.(?P<model>\w+)(?!\s*[-+*/%.\w])"
)
_STRICT = (">", "<")


@dataclass(frozen=True)
class Reach:
    """The most points of a model, and whether opened mails alone collect them."""

    most: int | None
    why: str = ""
    opened: str | None = None
    """Id of the rule that gives points for opening a mail."""


def read_reach(root: Node | None, others: Iterable[Node] = ()) -> dict[str, Reach]:
    """Return model -> what can be reached in it; `others` are files whose `score` steps give points too.

    Judges nothing.
    """
    models = root.get("models") if isinstance(root, Mapping) else None
    entries = models.entries if isinstance(models, Mapping) else []
    given = {model for one in others for model in _given(one)}
    return {
        key.text: _reach(value, key.text in given) for key, value in entries if isinstance(value, Mapping)
    }


def _given(root: Node) -> Iterator[str]:
    """Yield the models that `score` steps of a file give points in."""
    queue = [root]
    while queue:
        node = queue.pop()
        if isinstance(node, Sequence):
            queue += node.items
        elif isinstance(node, Mapping):
            queue += [value for _, value in node.entries]
            score = node.get("score")
            model = score.get("model") if isinstance(score, Mapping) else None
            if (
                isinstance(score, Mapping)
                and isinstance(model, Scalar)
                and (_number(score.get("points")) or 0) > 0
            ):
                yield model.text


def unreached(text: str, reaches: MappingOf[str, Reach]) -> Iterator[tuple[int, str, str, dict[str, object]]]:
    """Yield (position, number, code, values) of thresholds that nobody reaches, or that opens alone do."""
    for found in (*_THRESHOLD.finditer(text), *_TURNED.finditer(text)):
        reach = reaches.get(found["model"])
        if reach is None:
            continue
        at, number = found.start("number"), found["number"]
        least = int(number) + (found["sign"] in _STRICT)
        values: dict[str, object] = {"number": least, "model": found["model"]}
        if reach.most is not None and least > reach.most:
            yield at, number, "SCN507", {**values, "why": reach.why}
        elif reach.opened is not None and least > 0:
            yield at, number, "SCN508", {**values, "rule": reach.opened}


def unreached_bands(
    root: Node | None, reaches: MappingOf[str, Reach]
) -> Iterator[tuple[Scalar, str, dict[str, object]]]:
    """Yield (place, code, values) of the bands of scoring.yaml that nobody reaches, or opens alone do."""
    bands = root.get("bands") if isinstance(root, Mapping) else None
    for key, value in bands.entries if isinstance(bands, Mapping) else []:
        levels = value.get("levels") if isinstance(value, Mapping) else None
        reach = reaches.get(key.text)
        for _, limit in levels.entries if isinstance(levels, Mapping) and reach is not None else []:
            least = _number(limit)
            if reach is None or least is None or least <= 0 or not isinstance(limit, Scalar):
                continue
            values: dict[str, object] = {"number": least, "model": key.text}
            if reach.most is not None and least > reach.most:
                yield limit, "SCN507", {**values, "why": reach.why}
            elif reach.opened is not None:
                yield limit, "SCN508", {**values, "rule": reach.opened}


def _reach(model: Mapping, by_steps: bool) -> Reach:
    rules = [(rule, _number(rule.get("points")) or 0) for rule in _maps(model.get("rules"))]
    attributes = [_number(one.get("points")) or 0 for one in _maps(model.get("attributes"))]
    cap = _number(model.get("cap"))
    most, why = cap, f"its cap is {cap}"
    if not by_steps and not any(points > 0 for _, points in rules):
        total = sum(points for points in attributes if points > 0)
        if cap is None or total < cap:
            most, why = total, f"its attributes make up {total} together"
    opened = next((rule for rule, points in rules if points > 0 and _is_opened(rule)), None)
    rule_id = opened.get("id") if opened is not None else None
    return Reach(most, why if most is not None else "", rule_id.text if isinstance(rule_id, Scalar) else None)


def _is_opened(rule: Mapping) -> bool:
    event = rule.get("event")
    return isinstance(event, Scalar) and event.text == "email_opened"


def _maps(node: Node | None) -> list[Mapping]:
    return [one for one in node.items if isinstance(one, Mapping)] if isinstance(node, Sequence) else []


def _number(node: Node | None) -> int | None:
    return int(node.text) if isinstance(node, Scalar) and _WHOLE.fullmatch(node.text) else None
