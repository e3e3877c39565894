"""Conditions in YAML: CEL text -> a compiled `Expression`, or diagnostics at the exact character.

Checks what CEL itself cannot: values of enums, `now` in conditions that wait, scores compared
with anything but a number, and the words of other languages (`and`, `=`, `null`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from leadloop.conditions import ConditionError, compile_expression
from leadloop.language import yaml_mistakes
from leadloop.language.diagnostics import Report
from leadloop.language.nodes import Mapping, Node, Scalar, kind_of
from leadloop.language.plan import Expression
from leadloop.language.sources import Place
from leadloop.language.suggest import Suggestion
from leadloop.language.vocabulary import NOW, Facts

LONGEST = 2000
LATER_FUNCTIONS = ("days_since", "days_until", "open")
LATER_MAPS = ("did", "segment", "all", "any", "not")

_STRING = re.compile(r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'')
_PATH = re.compile(r"(?<![\w.])(?:lead|run|event)(?:\.[A-Za-z_]\w*)+(?!\w)", re.ASCII)
_ROOT = re.compile(r"(?<![\w.])(?:lead|run|event)(?:\.[A-Za-z_]\w*)*", re.ASCII)
_SCORE = re.compile(r"(?<![\w.])lead\.score\.(\w+)")
_COMPARED = re.compile(r"\s*(?:>=|<=|==|!=|>|<)\s*(-?\d+)(?!\s*[-+*/%.\w])")
_COMPARED_BEFORE = re.compile(r"(?<![-+*/%.\w])\s*(-?\d+)\s*(?:>=|<=|==|!=|>|<)\s*$")
_WORDS = (
    (re.compile(r"\band\b"), "&&"),
    (re.compile(r"\bor\b"), "||"),
    (re.compile(r"\bnot\b"), "!"),
    (re.compile(r"<>"), "!="),
    (re.compile(r"(?<![=!<>])=(?!=)"), "=="),
)
_SPAN_TEXT = re.compile(r'duration\(\s*["\'](\d+) ?(d|days?|w|weeks?)["\']\s*\)')
_OVERLOAD = re.compile(r"found no matching overload for '(.*?)' applied to '(.*)'")


@dataclass(frozen=True)
class Scope:
    """What a condition may read. A `waiting` one is looked at again only when the lead changes."""

    facts: Facts
    waiting: bool = False
    why_not: str = ""
    """Said of `event.` or `run.` names when they are out of scope here."""

    def with_facts(self, facts: Facts) -> Scope:
        """Return the scope with more facts."""
        return Scope({**self.facts, **facts}, self.waiting, self.why_not)


def compile_condition(report: Report, node: Node, what: str, scope: Scope) -> Expression | None:
    """Return the compiled condition, or None after a report."""
    if isinstance(node, Mapping) and set(node.names()) & set(LATER_MAPS):
        found = next(name for name in node.names() if name in LATER_MAPS)
        report.add(
            "SCN110",
            node.place,
            what=f"the condition `{{{found}: …}}`",
            fix='write a CEL condition, for example `lead.band.engagement == "hot"`',
        )
        return None
    if not isinstance(node, Scalar):
        report.add("SCN102", node.place, what=what, wanted="a condition", found=kind_of(node))
        return None
    if not node.text.strip():
        report.add("SCN113", node.place, what=what)
        return None
    return _Check(report, node, scope).run()


class _Check:
    def __init__(self, report: Report, node: Scalar, scope: Scope) -> None:
        self.report = report
        self.node = node
        self.scope = scope
        self.text = node.text
        self.bare = _STRING.sub(lambda found: '"' + " " * (len(found[0]) - 2) + '"', self.text)
        self.failed = False

    def run(self) -> Expression | None:
        if len(self.text) > LONGEST:
            self.add("SCN301", 0, problem=f"it is longer than {LONGEST} characters", fix="split it")
            return None
        self.words()
        self.names()
        self.values()
        self.limits()
        if self.scope.waiting:
            self.waiting()
        if self.failed:
            return None
        declared = {name: fact.type for name, fact in self.scope.facts.items()}
        if not self.scope.waiting:
            declared["now"] = NOW["now"].type
        try:
            return compile_expression(self.text, declared)
        except ConditionError as error:
            self.refused(error)
            return None

    def place(self, at: int, length: int = 1) -> Place:
        """Return the place of a character of the condition; the whole condition when unsure."""
        start = self.node.place
        column = start.column + (0 if self.node.plain else 1)
        line = start.source.line(start.line)
        if line[column - 1 : column - 1 + len(self.text)] == self.text:
            return Place(start.source, start.line, column + at, length)
        return start

    def add(self, code: str, at: int, length: int = 1, hint: str = "", **values: object) -> None:
        self.failed = True
        self.report.add(code, self.place(at, length), hint, **values)

    def words(self) -> None:
        for pattern, instead in _WORDS:
            if found := pattern.search(self.bare):
                self.add(
                    "SCN305", found.start(), len(found[0]), word=f"`{found[0]}`".strip("`"), instead=instead
                )
        if found := re.search(r"\bnull\b", self.bare):
            self.add("SCN306", found.start(), 4)
        if found := _SPAN_TEXT.search(self.text):
            hours = int(found[1]) * (24 if found[2].startswith("d") else 168)
            self.add(
                "SCN307", found.start(), len(found[0]), written=found[0], instead=f'duration("{hours}h")'
            )
        for name in LATER_FUNCTIONS:
            if found := re.search(rf"(?<![\w.]){name}\s*\(", self.bare):
                self.add(
                    "SCN110",
                    found.start(),
                    len(name),
                    what=f"`{name}()` in a condition",
                    fix="compare with `now` where the condition does not wait",
                )
        if self.scope.waiting and (found := re.search(r"(?<![\w.])now\b", self.bare)):
            self.add("SCN304", found.start(), 3)

    def names(self) -> None:
        for found in _ROOT.finditer(self.bare):
            name = found[0]
            if self.bare[found.end() : found.end() + 1] == "(":  # a method: `lead.tags.exists(…)`
                name = name.rpartition(".")[0]
            if self.is_declared(name):
                continue
            root = name.partition(".")[0] + "."
            near = [fact for fact in self.scope.facts if fact.startswith(root)]
            hint = str(Suggestion(name, near))
            if self.scope.why_not and not near:
                hint = self.scope.why_not
            elif name == "lead.company":
                hint = "write `lead.company.name`"
            self.add("SCN302", found.start(), len(name), name=name, suggestion=hint)

    def is_declared(self, name: str) -> bool:
        while name:
            if name in self.scope.facts:
                return True
            name = name.rpartition(".")[0]
        return False

    def values(self) -> None:
        """Check every text that is compared with a fact whose values are declared."""
        for found in _PATH.finditer(self.bare):
            fact = self.scope.facts.get(found[0])
            if fact is None or not fact.values:
                continue
            for at, literal in self.compared_with(found.start(), found.end()):
                value = literal[1:-1]
                if value not in fact.values:
                    self.add(
                        "SCN303",
                        at,
                        len(literal),
                        fact=found[0],
                        value=value,
                        suggestion=Suggestion(value, fact.values),
                    )

    def compared_with(self, start: int, end: int) -> list[tuple[int, str]]:
        """Return (position, literal) of the texts that the fact at `start:end` is compared with."""
        if after := re.match(r"\s*(?:==|!=)\s*(?=[\"'])", self.bare[end:]):
            return self.literals(end + after.end(), end + after.end() + 1)
        if after := re.match(r"\s+in\s*\[([^\]]*)\]", self.bare[end:]):
            return self.literals(end + after.start(1), end + after.end(1))
        if before := re.search(r"([\"'][^\"']*[\"'])\s*(?:==|!=|\bin)\s*$", self.bare[:start]):
            return self.literals(before.start(1), before.end(1))
        return []

    def literals(self, start: int, stop: int) -> list[tuple[int, str]]:
        return [(one.start(), one[0]) for one in _STRING.finditer(self.text, start) if one.start() < stop]

    def limits(self) -> None:
        """Warn of a number that is the limit of a band."""
        for found in _SCORE.finditer(self.bare):
            fact = self.scope.facts.get(found[0])
            number = _COMPARED.match(self.bare, found.end())
            if fact is None or number is None:
                continue
            for band, limit in fact.limits[:-1]:
                if limit == int(number[1]):
                    self.report.add(
                        "SCN504",
                        self.place(number.start(1), len(number[1])),
                        number=limit,
                        band=band,
                        model=found[1],
                    )

    def waiting(self) -> None:
        for found in _SCORE.finditer(self.bare):
            after = _COMPARED.match(self.bare, found.end())
            before = _COMPARED_BEFORE.search(self.bare[: found.start()])
            if after is None and before is None:
                self.add("SCN308", found.start(), len(found[0]), fact=found[0], band=f"lead.band.{found[1]}")

    def refused(self, error: ConditionError) -> None:
        if self.cut():
            return
        at = max(0, error.column - 1)
        problem, fix = error.message, ""
        if overload := _OVERLOAD.search(problem):
            sign = overload[1].strip("_")
            problem = f"`{sign}` cannot take ({overload[2]})"
            fix = "compare a value with one of its own type"
        elif "undeclared reference to 'known'" in problem:
            fix = "`known()` takes one name: `known(lead.industry)`"
        self.add("SCN301", min(at, max(0, len(self.text) - 1)), problem=problem, fix=fix)

    def cut(self) -> bool:
        """Report a plain condition that YAML ended too early."""
        node = self.node
        if not node.plain:
            return False
        rest = node.place.source.line(node.end_line)[node.end_column - 1 :].lstrip()
        why = ""
        if rest.startswith("#"):
            why = "` #` begins a comment"
        elif node.flow and rest.startswith(","):
            why = "a comma ends a value inside `{ }`"
        keys = yaml_mistakes.CONDITION_KEYS
        return bool(why) and any(
            yaml_mistakes.report_condition(node.place, self.report, key, why) for key in keys
        )
