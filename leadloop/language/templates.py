"""Checks of template files: front matter, Jinja2 syntax, filters, and every variable's name."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from jinja2 import Environment, TemplateSyntaxError, nodes
from jinja2.meta import find_undeclared_variables

from leadloop.language import builtins
from leadloop.language.diagnostics import Report
from leadloop.language.plan import Sender
from leadloop.language.sources import Place, Source
from leadloop.language.suggest import Suggestion
from leadloop.language.template_store import LAYOUTS, TemplateStore, locale_of
from leadloop.language.vocabulary import Facts, Vocabulary
from leadloop.templating import split_front_matter

KEYS = ("subject", "preheader", "layout", "allow")
FILTERS = frozenset(
    {
        "abs", "capitalize", "count", "d", "default", "first", "float", "int", "join", "last", "length",
        "list", "lower", "max", "min", "replace", "reverse", "round", "sort", "sum", "title", "trim",
        "truncate", "unique", "upper", "wordcount", "addressee", "date", "datetime", "urlquote",
    }
)  # fmt: skip
"""What the sandbox that renders knows; a test compares the two."""
_LINE = re.compile(r"line (\d+): (.*)")


class _AnyName(dict[str, Any]):
    """Filters and tests of every name, so that Jinja2 parses on and all unknown ones are told."""

    def get(self, key: str, default: Any = None) -> Any:
        return super().get(key, str)

    def __contains__(self, key: object) -> bool:
        return True


class _Checking(Environment):
    """Works nothing out: `{{ 9 ** 9 ** 9 }}` and `{{ "x" * 999999999 }}` cost only their letters."""

    sandboxed = True
    intercepted_binops = frozenset({"*", "**", "%", "+"})
    intercepted_unops = frozenset({"-", "+"})


_ENVIRONMENT = _Checking(autoescape=True)
_TESTS = frozenset(_ENVIRONMENT.tests)
_ENVIRONMENT.filters, _ENVIRONMENT.tests = _AnyName(), _AnyName()
_REFUSED_NODES: dict[type[nodes.Node], str] = {
    nodes.Include: "include",
    nodes.Import: "import",
    nodes.FromImport: "import",
    nodes.Extends: "extends",
}


@dataclass(frozen=True)
class TemplateScope:
    """Names in scope; a name with attributes may only be asked for those. None is not checked."""

    names: dict[str, frozenset[str] | None]
    deeper: dict[str, frozenset[str]] = field(default_factory=dict)
    """Attributes of attributes: `lead.company`, `run.entry`."""


def template_scope(vocabulary: Vocabulary, facts: Facts | None = None) -> TemplateScope:
    """Return what a template may use: every one, or with the `facts` of a scenario one of that scenario."""
    company = frozenset(builtins.COMPANY_FACTS)
    declared = {*builtins.LEAD_FIELDS, *vocabulary.workspace.lead_fields}
    run = _run_names(vocabulary, facts)
    return TemplateScope(
        names={
            "lead": frozenset({*declared, "id", "tags", "cycle", "score", "band"}),
            "company": company,
            "sender": frozenset(Sender.model_fields),
            "run": frozenset({*builtins.RUN_FACTS, "entry", *run}),
            "unsubscribe_url": None,
            "message": frozenset({"id"}),
            "locale": None,
        },
        deeper={
            "lead.company": company,
            "lead.score": frozenset(vocabulary.models),
            "lead.band": frozenset(vocabulary.levels),
            **{f"run.{name}": frozenset(deeper) for name, deeper in run.items()},
        },
    )


def _run_names(vocabulary: Vocabulary, facts: Facts | None) -> dict[str, set[str]]:
    """Return what `run.entry` and `run.<record>` hold. Results of steps are for conditions only."""
    records = vocabulary.workspace.records
    if facts is None:
        properties = {name for one in vocabulary.events.values() for name in one}
        return {"entry": properties, **{kind: {"key", *one.fields} for kind, one in records.items()}}
    names: dict[str, set[str]] = {"entry": set()}
    for fact in facts:
        root, _, rest = fact.partition(".")
        owner, _, name = rest.partition(".")
        if root == "run" and name and (owner == "entry" or owner in records):
            names.setdefault(owner, set()).add(name)
    return names


def check_templates(report: Report, store: TemplateStore, scope: TemplateScope) -> None:
    """Check every template file of the workspace by itself."""
    in_layout = TemplateScope(
        {**scope.names, "content": None, "subject": None, "preheader": None}, scope.deeper
    )
    for path, source in sorted(store.files.items()):
        if path.startswith(LAYOUTS):
            check_text(report, source, source.text, in_layout)
        elif (locale := locale_of(path)) is not None:
            _check_mail(report, source, locale, store, scope)


def _check_mail(
    report: Report, source: Source, locale: str, store: TemplateStore, scope: TemplateScope
) -> None:
    try:
        values, body = split_front_matter(source.text)
    except ValueError as error:
        found = _LINE.fullmatch(str(error))
        line, problem = (int(found[1]), found[2]) if found else (1, str(error))
        report.add(
            "SCN452",
            Place(source, line),
            problem=problem,
            fix="begin the file with `---`, `subject: …`, `---`",
        )
        return
    if not values.get("subject"):
        report.add("SCN452", Place(source), problem="`subject` is missing", fix="add `subject: …`")
    for key, value in values.items():
        line = line_of_key(source, key)
        if key not in KEYS:
            report.add(
                "SCN452", Place(source, line), problem=f"there is no `{key}`", fix=Suggestion(key, KEYS)
            )
        elif key not in ("layout", "allow"):
            check_text(report, source, value, scope, first_line=line)
    layout = values.get("layout", "default")
    if not store.has_layout(layout, locale):
        line = line_of_key(source, "layout") if "layout" in values else 1
        report.add(
            "SCN456",
            Place(source, line),
            name=layout,
            locale=locale,
            fix=f"write `templates/{LAYOUTS}{layout}.{locale}.html.j2`",
        )
    check_text(report, source, body, scope)


def line_of_key(source: Source, key: str) -> int:
    return next((at for at, line in enumerate(source.lines, 1) if line.partition(":")[0].strip() == key), 1)


@lru_cache(maxsize=1024)
def _tree(text: str) -> nodes.Template:
    """Return the tree of a Jinja2 text, which several checks look at. Raises what Jinja2 raises."""
    return _ENVIRONMENT.parse(text)


def parse(text: str) -> nodes.Template | None:
    """Return the tree of a Jinja2 text, None where it does not compile."""
    try:
        return _tree(text)
    except (TemplateSyntaxError, RecursionError):
        return None


def check_text(report: Report, source: Source, text: str, scope: TemplateScope, first_line: int = 1) -> None:
    """Check one Jinja2 text, whose first line is `first_line` of the file."""
    if "{" not in text:
        return
    try:
        tree = _tree(text)
        undeclared = find_undeclared_variables(tree)
    except TemplateSyntaxError as error:
        report.add("SCN454", Place(source, first_line + error.lineno - 1), problem=error.message or "")
        return
    except RecursionError:
        report.add("SCN454", Place(source, first_line), problem="it is nested too deeply")
        return
    _Names(report, source, scope, first_line, undeclared).check(tree)


@dataclass
class _Names:
    report: Report
    source: Source
    scope: TemplateScope
    first_line: int
    undeclared: set[str]

    def check(self, tree: nodes.Template) -> None:
        for node in tree.find_all(tuple(_REFUSED_NODES)):
            self.add("SCN454", node, "{%", problem=f"`{_REFUSED_NODES[type(node)]}` is not allowed")
        for filtered in tree.find_all(nodes.Filter):
            if filtered.name not in FILTERS:
                self.add(
                    "SCN455",
                    filtered,
                    filtered.name,
                    kind="filter",
                    name=filtered.name,
                    suggestion=Suggestion(filtered.name, FILTERS),
                )
        for test in tree.find_all(nodes.Test):
            if test.name not in _TESTS:
                self.add(
                    "SCN455",
                    test,
                    test.name,
                    kind="test",
                    name=test.name,
                    suggestion=Suggestion(test.name, _TESTS),
                )
        for name in tree.find_all(nodes.Name):
            if (
                name.name in self.undeclared
                and name.ctx == "load"
                and name.name not in self.scope.names
                and name.name != "range"
            ):
                self.add(
                    "SCN453",
                    name,
                    name.name,
                    name=name.name,
                    suggestion=Suggestion(name.name, self.scope.names),
                )
        for node in tree.find_all((nodes.Getattr, nodes.Getitem)):
            self.attribute(node)

    def attribute(self, node: Any) -> None:
        path = path_of(node)
        if path is None or path[0] not in self.undeclared:
            return
        owner, name = ".".join(path[:-1]), path[-1]
        known: Collection[str] | None = None
        if len(path) == 2:
            known = self.scope.names.get(owner)
        elif owner in self.scope.deeper:
            known = self.scope.deeper[owner]
        if known is None or name in known:
            return
        near = Suggestion(name, known)
        self.add("SCN453", node, name, name=f"{owner}.{name}", suggestion=near)

    def add(self, code: str, node: nodes.Node, word: str, **values: str | Suggestion) -> None:
        line = self.first_line + node.lineno - 1
        found = re.search(rf"(?<!\w){re.escape(word)}(?!\w)", self.source.line(line))
        column = found.start() + 1 if found else 1
        self.report.add(code, Place(self.source, line, column, len(word) if found else 1), "", **values)


def path_of(node: Any) -> list[str] | None:
    """Return `["lead", "company", "name"]` of such an expression, None of any other."""
    if isinstance(node, nodes.Name):
        return [node.name]
    if isinstance(node, nodes.Getattr):
        name = node.attr
    elif (
        isinstance(node, nodes.Getitem)
        and isinstance(node.arg, nodes.Const)
        and isinstance(node.arg.value, str)
    ):
        name = node.arg.value
    else:
        return None
    owner = path_of(node.node)
    return None if owner is None else [*owner, name]
