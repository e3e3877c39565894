"""Fields printed in a template that are empty for many leads, with nothing said instead."""

from __future__ import annotations

from collections.abc import Iterator

from jinja2 import nodes

from leadloop.language import builtins
from leadloop.language.templates import parse, path_of
from leadloop.language.vocabulary import Vocabulary

ALWAYS_THERE = frozenset({"email", "stage", "in_sales", "created_at", "last_active_at", "locale", "timezone"})
"""Fields that every reader of a mail has, or that the engine fills in."""
_INSTEAD = frozenset({"default", "d", "addressee"})
"""Filters that say something where the field is empty."""


def may_be_empty(vocabulary: Vocabulary) -> frozenset[str]:
    """Return the names in templates that may have no value."""
    fields = {*builtins.LEAD_FIELDS, *vocabulary.workspace.lead_fields} - ALWAYS_THERE - {"company"}
    firm = [name for name, kind in builtins.COMPANY_FACTS.items() if kind == "text"]
    names = [f"lead.{name}" for name in fields]
    names += [f"{owner}.{name}" for owner in ("lead.company", "company") for name in firm]
    return frozenset(names)


def empty_fields(text: str, suspects: frozenset[str]) -> Iterator[tuple[str, int]]:
    """Yield (name, line in the text) of fields printed without a default and without being asked for."""
    tree = parse(text) if "{" in text else None
    if tree is not None:
        yield from _Walk(suspects).statements(tree, frozenset())


class _Walk:
    def __init__(self, suspects: frozenset[str]) -> None:
        self.suspects = suspects

    def statements(self, node: nodes.Node, asked: frozenset[str]) -> Iterator[tuple[str, int]]:
        """Walk what is between expressions; `asked` names are known to have a value."""
        if isinstance(node, nodes.If):
            asked |= self.names(node.test)
            for child in (*node.body, *node.elif_, *node.else_):
                yield from self.statements(child, asked)
        elif isinstance(node, nodes.Output):
            for child in node.nodes:
                yield from self.printed(child, asked)
        else:
            for child in node.iter_child_nodes():
                yield from self.statements(child, asked)

    def printed(self, node: nodes.Node, asked: frozenset[str]) -> Iterator[tuple[str, int]]:
        """Walk an expression that is printed."""
        if isinstance(node, nodes.Filter) and node.name in _INSTEAD:
            for argument in node.args:
                yield from self.printed(argument, asked)
        elif isinstance(node, nodes.CondExpr):
            asked |= self.names(node.test)
            yield from self.printed(node.expr1, asked)
            if node.expr2 is not None:
                yield from self.printed(node.expr2, asked)
        elif isinstance(node, nodes.Or | nodes.And):
            yield from self.printed(node.right, asked | self.names(node.left))
        elif not isinstance(node, nodes.Test | nodes.Compare):
            name = ".".join(path_of(node) or [])
            if name in self.suspects:
                if name not in asked:
                    yield name, node.lineno
                return
            for child in node.iter_child_nodes():
                yield from self.printed(child, asked)

    def names(self, node: nodes.Node) -> frozenset[str]:
        """Return the suspects that a condition asks for."""
        found = [node, *node.find_all((nodes.Getattr, nodes.Getitem))]
        return frozenset(name for one in found if (name := ".".join(path_of(one) or [])) in self.suspects)
