"""Conditions in YAML: CEL text or a map -> one compiled `Expression`, or diagnostics.

What a condition may read and ask depends on where it stands: its `Scope`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from leadloop.language.condition_texts import compile_text
from leadloop.language.diagnostics import Report
from leadloop.language.nodes import Mapping, Node, Scalar, kind_of
from leadloop.language.plan import Expression
from leadloop.language.sources import Place
from leadloop.language.vocabulary import Facts, Vocabulary


@dataclass
class Reference:
    """A step that something looks back to, to be checked when all steps are known."""

    node: Scalar
    step_id: str
    must_send: bool = False
    result: bool = False
    """`step_id` is the middle of `run.<step>.<result>`, or of another fact of the journey."""
    origin: str = ""
    """The step that looks back; empty in the header, which is asked at any time."""


@dataclass(frozen=True)
class Scope:
    """What a condition may read. A `waiting` one is looked at again only when the lead changes."""

    facts: Facts
    waiting: bool = False
    why_not: str = ""
    """Said of `event.` or `run.` names when they are out of scope here."""
    vocabulary: Vocabulary = field(kw_only=True)
    did: Literal["free", "settled", "never"] = field(default="free", kw_only=True)
    """May the past be asked? `settled`: only what does not turn true by time alone."""
    steps: list[Reference] | None = field(default=None, kw_only=True)
    """Collects the steps that `of` and `since` name; None where there is no journey."""

    def look_back(self, place: Place, name: str) -> None:
        """Note that a name of a fact stands somewhere: a result of a step is known only behind that step."""
        root, _, rest = name.partition(".")
        step = rest.partition(".")[0]
        # Only the record of a journey has a key.
        if root == "run" and self.steps is not None and f"run.{step}.key" not in self.facts:
            self.steps.append(Reference(Scalar(place, name), step, result=True))

    def with_facts(self, facts: Facts) -> Scope:
        """Return the scope with more facts."""
        return replace(self, facts={**self.facts, **facts})


def compile_condition(report: Report, node: Node, what: str, scope: Scope) -> Expression | None:
    """Return the compiled condition, or None after a report."""
    if isinstance(node, Mapping):
        # A map may hold a matcher, whose `where` is a condition: the modules need each other.
        from leadloop.language.condition_maps import compile_map

        return compile_map(report, node, what, scope)
    if not isinstance(node, Scalar):
        report.add("SCN102", node.place, what=what, wanted="a condition", found=kind_of(node))
        return None
    if not node.text.strip():
        report.add("SCN113", node.place, what=what)
        return None
    return compile_text(report, node, scope)
