"""Conditions written as CEL text: checked, with problems at the exact character.

Checks what CEL itself cannot: values of enums, `now` in conditions that wait, scores compared
with anything but a number, calendars, and the words of other languages (`and`, `=`, `null`).
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from leadloop.conditions import ConditionError, calendars_named, compile_expression
from leadloop.language import yaml_mistakes
from leadloop.language.diagnostics import Report
from leadloop.language.nodes import Scalar
from leadloop.language.plan import Expression
from leadloop.language.reach import unreached
from leadloop.language.scalar_places import place_in
from leadloop.language.sources import Place
from leadloop.language.suggest import Suggestion
from leadloop.language.vocabulary import NOW

if TYPE_CHECKING:
    from leadloop.language.expressions import Scope

LONGEST = 2000
_STRING = re.compile(r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'')
_ASIDE = re.compile(rf"{_STRING.pattern}|//[^\n]*")
_PATH = re.compile(r"(?<![\w.])(?:lead|run|event)(?:\.[A-Za-z_]\w*)+(?!\w)", re.ASCII)
_ROOT = re.compile(r"(?<![\w.])(?:lead|run|event)(?:\.[A-Za-z_]\w*)*", re.ASCII)
_SCORE = re.compile(r"(?<![\w.])lead\.score\.(\w+)")
_COMPARED = re.compile(r"\s*(?:>=|<=|==|!=|>|<)\s*(-?\d+)(?!\s*[-+*/%.\w])")
_COMPARED_BEFORE = re.compile(r"(?<![-+*/%.\w])\s*(-?\d+)\s*(?:>=|<=|==|!=|>|<)\s*$")
_WORDS = (
    (re.compile(r"(?<![\w.])and\b", re.IGNORECASE), "&&"),
    (re.compile(r"(?<![\w.])or\b", re.IGNORECASE), "||"),
    (re.compile(r"(?<![\w.])not\b", re.IGNORECASE), "!"),
    (re.compile(r"<>"), "!="),
    (re.compile(r"(?<![=!<>])=(?!=)"), "=="),
)
_WIDE = re.compile(r"[^\x00-\x7f]+")
_NARROW = {
    **dict.fromkeys("“”„「」『』", '"'), **dict.fromkeys("‘’", "'"),
    "≧": ">=", "≥": ">=", "≦": "<=", "≤": "<=", "≠": "!=", "＝": "==", "＆": "&&", "｜": "||", "、": ",",
}  # fmt: skip
"""What Japanese keyboards and word processors write, and CEL."""
_TRUTHS = {"yes": "true", "on": "true", "no": "false", "off": "false"}
_SPAN_TEXT = re.compile(r'duration\(\s*["\'](\d+) ?(d|days?|w|weeks?)["\']\s*\)')
_DASHED = re.compile(r"run\.\w+(?:-\w+)+(?:\.\w+)+", re.ASCII)
_UNDECLARED = re.compile(r"undeclared reference to '(\w+)'")
_NEXT_SETTING = re.compile(r",\s*[A-Za-z_][\w-]*:(?:\s|$)")
_OVERLOAD = re.compile(r"found no matching overload for '(.*?)' applied to '(.*)'")


_TIMED = re.compile(r"(?<![\w.])(?:now\b|(?:days_since|days_until|open)(?=\s*\())")
_COLLEAGUES = re.compile(r"(?<![\w.])lead\.company\.(?:score\.\w+|open_deals\b)")
_NO_CLOCK = (
    "it is looked at when the lead changes, not as time passes: ask `{did: …, within: 30 days}`, or enter by "
    "`inactive` or `date`"
)
"""What to do in the shared files, where nothing waits."""
_FUNCTIONS = {
    "known": "`known()` takes one name: `known(lead.industry)`",
    "days_since": "`days_since()` takes one date: `days_since(lead.created_at)`",
    "days_until": "`days_until()` takes one date: `days_until(lead.purchase_timing)`",
    "open": '`open()` takes the name of a calendar: `open("office")`',
}


def compile_text(report: Report, node: Scalar, scope: Scope) -> Expression | None:
    """Return the compiled condition, or None after a report."""
    return _Check(report, node, scope).run()


def _blank(found: re.Match[str]) -> str:
    """Return a string literal without its text, or a comment without anything, as long as before."""
    length = len(found[0])
    return " " * length if found[0].startswith("/") else '"' + " " * (length - 2) + '"'


class _Check:
    def __init__(self, report: Report, node: Scalar, scope: Scope) -> None:
        self.report = report
        self.node = node
        self.scope = scope
        self.text = node.text
        self.bare = _ASIDE.sub(_blank, self.text)
        self.failed = False

    def run(self) -> Expression | None:
        if len(self.text) > LONGEST:
            self.add("SCN301", 0, problem=f"it is longer than {LONGEST} characters", fix="split it")
            return None
        self.words()
        self.wide()
        self.names()
        self.values()
        self.calendars()
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
        return place_in(self.node, at, length)

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
        for found in _TIMED.finditer(self.bare) if self.scope.waiting else ():
            hint = "" if self.scope.steps is not None else _NO_CLOCK
            self.add("SCN304", found.start(), len(found[0]), hint, word=found[0])

    def wide(self) -> None:
        """Report the first full-width sign, or the first text without quotes."""
        for found in _WIDE.finditer(self.bare):
            at, sign = found.start(), found[0][0]
            narrow = _NARROW.get(sign) or unicodedata.normalize("NFKC", sign)
            if narrow.isascii():
                self.add("SCN305", at, word=sign, instead=narrow)
            elif self.bare[at - 1 : at] == ".":
                continue  # a name, which `names` reports
            else:
                fix = f'write `"{found[0]}"`'
                self.add("SCN301", at, len(found[0]), problem="a text stands in quotes", fix=fix)
            return

    def names(self) -> None:
        for found in _ROOT.finditer(self.bare):
            name = found[0]
            if self.bare[found.end() : found.end() + 1] == "(":  # a method: `lead.tags.exists(…)`
                name = name.rpartition(".")[0]
            if self.is_declared(name):
                self.scope.look_back(self.place(found.start(), len(name)), name)
                continue
            root = name.partition(".")[0] + "."
            near = [fact for fact in self.scope.facts if fact.startswith(root)]
            hint = str(Suggestion(name, near))
            if (dashed := self.dashed(found.start())) is not None:
                name, underscored = dashed
                hint = f"in a condition a `-` is minus; write `{underscored}`"
            elif self.scope.why_not and not near:
                hint = self.scope.why_not
            elif name == "lead.company":
                hint = "write `lead.company.name`"
            self.add("SCN302", found.start(), len(name), name=name, suggestion=hint)

    def dashed(self, at: int) -> tuple[str, str] | None:
        """Return a name with `-` as written, and the fact that it is with `_`; None where it is none."""
        written = _DASHED.match(self.bare, at)
        underscored = written[0].replace("-", "_") if written is not None else ""
        return (written[0], underscored) if written is not None and underscored in self.scope.facts else None

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

    def calendars(self) -> None:
        """Check the calendars of `open("office")`."""
        declared = self.scope.vocabulary.workspace.calendars
        for name, at in calendars_named(self.text):
            if name not in declared:
                near = Suggestion(name, declared)
                self.add("SCN201", at, len(name), kind="calendar", name=name, suggestion=near)

    def limits(self) -> None:
        """Warn of a number that is the limit of a band, or that is never or too easily reached."""
        for found in _SCORE.finditer(self.bare):
            fact = self.scope.facts.get(found[0])
            number = _COMPARED.match(self.bare, found.end())
            number = number or _COMPARED_BEFORE.search(self.bare[: found.start()])
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
        for at, number_text, code, values in unreached(self.bare, self.scope.vocabulary.reach):
            self.report.add(code, self.place(at, len(number_text)), "", **values)

    def waiting(self) -> None:
        for found in _COLLEAGUES.finditer(self.bare):
            self.add("SCN309", found.start(), len(found[0]), fact=found[0])
        for found in _SCORE.finditer(self.bare):
            after = _COMPARED.match(self.bare, found.end())
            before = _COMPARED_BEFORE.search(self.bare[: found.start()])
            beside = self.bare[: found.start()].rstrip()[-1:] + self.bare[found.end() :].lstrip()[:1]
            if (after is None and before is None) or set(beside) & set("+-*/%"):
                self.add("SCN308", found.start(), len(found[0]), fact=found[0], band=f"lead.band.{found[1]}")

    def refused(self, error: ConditionError) -> None:
        if "Syntax error" in error.message and self.cut():
            return
        at = max(0, error.column - 1)
        problem, fix = error.message, ""
        if overload := _OVERLOAD.search(problem):
            sign = overload[1].strip("_")
            problem = f"`{sign}` cannot take {overload[2]}"
            fix = "compare a value with one of its own type"
            if "Timestamp" in overload[2] and "string" in overload[2]:
                fix = 'a moment is `timestamp("2027-04-01T00:00:00+09:00")`; days count with `days_until(…)`'
            elif "list(" in overload[2]:
                fix = 'ask what is in a list: `"vip" in lead.tags`'
        elif missing := _UNDECLARED.search(problem):
            fix = _FUNCTIONS.get(missing[1], "") or self.undeclared(missing[1])
        self.add("SCN301", min(at, max(0, len(self.text) - 1)), problem=problem, fix=fix)

    def undeclared(self, word: str) -> str:
        """Return what to write for a word that is no name: a fact of the lead, or a text in quotes."""
        if word.lower() in (*_TRUTHS, "true", "false"):
            return f"write `{_TRUTHS.get(word.lower(), word.lower())}`"
        fact = f"lead.{word}"
        if fact in self.scope.facts:
            return f"write `{fact}`"
        return f'write `"{word}"` if it is a text'

    def cut(self) -> bool:
        """Report a plain condition that YAML ended too early."""
        node = self.node
        if not node.plain:
            return False
        rest = node.place.source.line(node.end_line)[node.end_column - 1 :].lstrip()
        why = ""
        if rest.startswith("#"):
            why = "` #` begins a comment"
        elif node.flow and rest.startswith(",") and _NEXT_SETTING.match(rest) is None:
            why = "a comma ends a value inside `{ }`"
        keys = yaml_mistakes.CONDITION_KEYS
        return bool(why) and any(
            yaml_mistakes.report_condition(node.place, self.report, key, why) for key in keys
        )
