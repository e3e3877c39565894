"""What a step leaves behind for conditions: the facts `run.<step>.<result>`.

They are found in the nodes before any step is read, because a condition may name a later step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from leadloop.language.nodes import Mapping, Node, Scalar, Sequence
from leadloop.language.vocabulary import Fact, Facts

DEEPEST = 60


def scan_steps(nodes: Iterable[Node]) -> dict[str, Facts]:
    """Return step id -> its results by name, of all steps that have any, nested ones included.

    Judges nothing: a step with errors is reported where it is read.
    """
    return {step_id: RESULTS[kind](body) for step_id, kind, body in _steps(nodes, 0) if kind in RESULTS}


def result_facts(results: dict[str, Facts]) -> Facts:
    """Return `run.<step>.<result>` of all steps. In a condition a `-` would be minus: it is `_`."""
    return {
        f"run.{fact_name(step_id)}.{name}": fact
        for step_id, facts in results.items()
        for name, fact in facts.items()
    }


def fact_name(step_id: str) -> str:
    """Return a step's name in a condition: `no_show` of `no-show`."""
    return step_id.replace("-", "_")


def _steps(nodes: Iterable[Node], depth: int) -> Iterator[tuple[str, str, Node]]:
    """Yield (id, kind, settings) of every map that is a step with an id."""
    for node in nodes if depth < DEEPEST else ():
        if isinstance(node, Sequence):
            yield from _steps(node.items, depth + 1)
        elif isinstance(node, Mapping):
            step_id = node.get("id")
            if isinstance(step_id, Scalar):
                for key, value in node.entries:
                    if key.text in RESULTS:
                        yield step_id.text, key.text, value
            yield from _steps((value for _, value in node.entries), depth + 1)


def _sent(_: Node) -> Facts:
    return {"status": Fact("text", ("sent", "skipped", "failed", "uncertain"))}


def _task(body: Node) -> Facts:
    facts: Facts = {"outcome": Fact("text", _texts(_setting(body, "outcomes")))}
    asks_date = _setting(body, "asks_date")
    if isinstance(asks_date, Scalar) and asks_date.text == "true":
        facts["date"] = Fact("instant")
    return facts


def _hand_off(_: Node) -> Facts:
    return {"outcome": Fact("text", ("won", "lost", "rejected", "expired"))}


def _experiment(body: Node) -> Facts:
    variants = _setting(body, "variants")
    arms = variants.names() if isinstance(variants, Mapping) else []
    return {"variant": Fact("text", (*arms, "control") if arms else ())}


def _webhook(_: Node) -> Facts:
    return {"status": Fact("text", ("done", "failed")), "code": Fact("int")}


def _await(_: Node) -> Facts:
    return {"branch": Fact("int")}


def _repeat(_: Node) -> Facts:
    return {"round": Fact("int")}


RESULTS: dict[str, Callable[[Node], Facts]] = {
    "send": _sent,
    "stream": _sent,
    "task": _task,
    "hand_off": _hand_off,
    "experiment": _experiment,
    "webhook": _webhook,
    "await": _await,
    "repeat": _repeat,
}
"""Kind of step -> the results that its settings promise."""


def _setting(body: Node, name: str) -> Node | None:
    return body.get(name) if isinstance(body, Mapping) else None


def _texts(node: Node | None) -> tuple[str, ...]:
    items = node.items if isinstance(node, Sequence) else []
    return tuple(one.text for one in items if isinstance(one, Scalar))
