"""What a picture shows, without where: nodes, the arrows between them, lanes, notes.

`go`, `exit` and the end of a loop's body are arrows. A plain `wait` that one arrow leads to is a
label on it. Every other step is a node, and so is every entry, and every way out of a step that
ends the journey: ends are not shared between steps, so that no arrow crosses the page to one.
"""

from __future__ import annotations

from dataclasses import dataclass

JOURNEY_STAGES = ("attention", "interest", "desire", "memory", "action")
"""AIDMA, in its order: the lanes of a picture."""

FAMILIES = ("entry", "mail", "wait", "decision", "sales", "data", "end")
FAMILY_OF_KIND = {
    "send": "mail",
    "stream": "mail",
    "wait": "wait",
    "await": "wait",
    "recycle": "wait",
    "if": "decision",
    "switch": "decision",
    "experiment": "decision",
    "repeat": "decision",
    "hand_off": "sales",
    "task": "sales",
    "notify": "sales",
}
"""Kind of step -> the family whose colour it has; other kinds write lead data."""


@dataclass(frozen=True)
class Node:
    """A box: a step (`step` is its id), an entry, or an end."""

    id: str
    family: str
    title: str
    what: str = ""
    step: str | None = None
    kind: str = ""
    lane: str | None = None
    line: int = 0

    @property
    def full(self) -> str:
        """The texts without anything cut off."""
        name = self.step if self.step and "/" not in self.step and self.step != self.title else ""
        return " · ".join(dict.fromkeys(filter(None, [self.title, self.what, name])))


@dataclass(frozen=True)
class Arrow:
    """A way from a node to a node: the reasons to take it, and the waits on it, in words."""

    source: str
    target: str
    reasons: tuple[str, ...] = ()
    waits: tuple[str, ...] = ()

    @property
    def full(self) -> str:
        """The texts without anything cut off."""
        return " · ".join(filter(None, [" / ".join(self.reasons), *self.waits]))


@dataclass(frozen=True)
class Drawing:
    """A plan as a graph. `lanes` are those in use, in AIDMA's order; no lane is drawn if none is set."""

    scenario: str
    title: str
    language: str
    nodes: tuple[Node, ...]
    arrows: tuple[Arrow, ...]
    lanes: tuple[str, ...] = ()
    notes: tuple[tuple[str, str], ...] = ()
    """(heading, text) of what stands beside the picture: goal, early ends, audience."""
    labels: tuple[str, ...] = ()
    """Ids of the `wait` steps that are drawn as labels."""
