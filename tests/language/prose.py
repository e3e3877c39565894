"""Finds every English text of the compiler that ends up in a message, by reading its source.

Starts at the calls that report a code and follows the words backwards: through variables,
parameters, attributes and the functions that return them. An f-string counts with `{}` for what
is filled in.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import leadloop.language
from leadloop.language.messages import MESSAGES
from leadloop.language.translation import placeholders

ROOT = Path(leadloop.language.__file__).parent
SILENT = ("messages", "phrases", "plan", "graph", "schema", "skeletons")
"""Packages that report nothing themselves."""
OUTSIDE = ("conditions.py", "templating.py")
"""Modules beside the language whose errors it reports."""
ERRORS = ("ValueError", "ConditionError")
CODE = re.compile(r"SCN\d{3}")
PROSE = {
    name
    for entry in MESSAGES.values()
    for text in (entry.message, entry.hint)
    for name, is_prose in placeholders(text)
    if is_prose
}
_LINE = re.compile(r"^line (?:\d+|\{\}): ")
"""Goes into the place of the problem."""
Function = ast.FunctionDef | ast.AsyncFunctionDef


def normal(template: str) -> str:
    """Return a text with nameless placeholders."""
    return re.sub(r"\{\w*\}", "{}", template)


def has_words(template: str) -> bool:
    """Return whether a template has anything to translate: not only code, placeholders and files."""
    return re.search(r"[A-Za-z]", re.sub(r"`[^`]*`|\{\}|\w+\.yaml", "", template)) is not None


def english_phrases() -> dict[str, str]:
    """Return each phrase of the compiler's source -> the place where it is written."""
    scan = _Scan()
    scan.run()
    return {text: place for text, place in scan.found.items() if has_words(text)}


class _Unit:
    """One module: its tree, and the function around each node."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.tree = ast.parse(path.read_text(encoding="utf-8"))
        self.around: dict[ast.AST, Function | None] = {}
        self.modules = {
            one.asname or one.name
            for node in ast.walk(self.tree)
            if isinstance(node, ast.ImportFrom) and node.module == "leadloop.language"
            for one in node.names
        }
        self._visit(self.tree, None)

    def _visit(self, node: ast.AST, function: Function | None) -> None:
        self.around[node] = function
        inner = node if isinstance(node, Function) else function
        for child in ast.iter_child_nodes(node):
            self._visit(child, inner)


class _Scan:
    def __init__(self) -> None:
        paths = (path for path in sorted(ROOT.rglob("*.py")) if path.relative_to(ROOT).parts[0] not in SILENT)
        self.units = [_Unit(path) for path in (*paths, *(ROOT.parent / name for name in OUTSIDE))]
        self.functions: dict[str, list[tuple[_Unit, Function]]] = {}
        self.classes: dict[str, tuple[_Unit, ast.ClassDef]] = {}
        self.calls: dict[str, list[tuple[_Unit, ast.Call]]] = {}
        for unit in self.units:
            for node in unit.around:
                if isinstance(node, Function):
                    self.functions.setdefault(node.name, []).append((unit, node))
                elif isinstance(node, ast.ClassDef):
                    self.classes[node.name] = (unit, node)
                elif isinstance(node, ast.Call):
                    self.calls.setdefault(_name(node.func), []).append((unit, node))
        self.found: dict[str, str] = {}
        self.queue: list[tuple[_Unit, ast.expr]] = []
        self.done: set[object] = set()

    def run(self) -> None:
        for unit in self.units:
            for node in unit.around:
                if isinstance(node, ast.Call | ast.Tuple):
                    self.queue += [(unit, value) for value in _reported(node)]
                elif isinstance(node, ast.Raise):
                    self.queue += [(unit, value) for value in _raised(node)]
        while self.queue:
            unit, expression = self.queue.pop()
            if expression in self.done:
                continue
            self.done.add(expression)
            for text in self.texts(unit, expression):
                place = f"{unit.path.relative_to(ROOT.parent.parent)}:{expression.lineno}"
                self.found.setdefault(_LINE.sub("", text), place)

    def texts(self, unit: _Unit, node: ast.expr) -> list[str]:
        """Return the texts an expression can be; what it is made of goes into the queue."""
        if isinstance(node, ast.Constant):
            return [node.value] if isinstance(node.value, str) else ["{}"]
        if isinstance(node, ast.JoinedStr):
            return self.joined(unit, node)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            pairs = product(self.texts(unit, node.left), self.texts(unit, node.right))
            return [left + right for left, right in pairs]
        if isinstance(node, ast.IfExp):
            return self.texts(unit, node.body) + self.texts(unit, node.orelse)
        if isinstance(node, ast.BoolOp):
            return [text for one in node.values for text in self.texts(unit, one)]
        if isinstance(node, ast.Dict):
            return [text for one in node.values for text in self.texts(unit, one)]
        if isinstance(node, ast.Subscript):
            return self.texts(unit, node.value)
        if isinstance(node, ast.Name):
            return self.variable(unit, node)
        if isinstance(node, ast.Attribute):
            self.attribute(node.attr)
        elif isinstance(node, ast.Call):
            if isinstance(node.func, ast.Attribute) and node.func.attr == "get":  # of a dict of texts
                return self.texts(unit, node.func.value)
            self.result(unit, node)
        return ["{}"]

    def joined(self, unit: _Unit, node: ast.JoinedStr) -> list[str]:
        text = ""
        for part in node.values:
            if isinstance(part, ast.Constant):
                text += str(part.value)
                continue
            if isinstance(part, ast.FormattedValue) and text.count("`") % 2 == 0:
                self.queue.append((unit, part.value))
            text += "{}"
        return [text]

    def variable(self, unit: _Unit, node: ast.Name) -> list[str]:
        """Return what a variable holds; a parameter is followed to its callers."""
        function = unit.around.get(node)
        texts: list[str] = []
        scope = unit.tree if function is None else function
        for one in ast.walk(scope):
            if found := self.assigned(one, node.id):
                texts += [text for value in found for text in self.texts(unit, value)]
            elif isinstance(one, ast.AugAssign) and _name(one.target) == node.id:
                texts += [left + right for left, right in product(texts, self.texts(unit, one.value))]
            elif isinstance(one, ast.For) and _name(one.target) == node.id:
                texts += self.texts(unit, one.iter)
        if function is not None and node.id in _parameters(function):
            self.callers(function.name, _parameters(function), node.id, _is_method(function))
        elif not texts and function is not None:
            return self.constant(unit, node.id)
        return texts or ["{}"]

    def constant(self, unit: _Unit, name: str) -> list[str]:
        """Return what a constant of a module holds."""
        for one in unit.tree.body:
            if found := self.assigned(one, name):
                return self.texts(unit, found[0])
        return ["{}"]

    def assigned(self, node: ast.AST, name: str) -> list[ast.expr]:
        """Return what a statement assigns to a variable, alone or in a tuple."""
        if isinstance(node, ast.NamedExpr):
            return [node.value] if node.target.id == name else []
        if isinstance(node, ast.AnnAssign):
            return [node.value] if _name(node.target) == name and node.value is not None else []
        found: list[ast.expr] = []
        if not isinstance(node, ast.Assign):
            return found
        for target in node.targets:
            if _name(target) == name:
                found.append(node.value)
            elif isinstance(target, ast.Tuple) and name in (names := [_name(one) for one in target.elts]):
                found += self.members(node.value, names.index(name))
        return found

    def members(self, node: ast.expr, at: int) -> list[ast.expr]:
        """Return what can stand at a place of a tuple."""
        if isinstance(node, ast.Tuple):
            return [node.elts[at]]
        if isinstance(node, ast.IfExp):
            return self.members(node.body, at) + self.members(node.orelse, at)
        if isinstance(node, ast.Call):
            for unit, function in self.functions.get(_name(node.func), []):
                for one in ast.walk(function):
                    if isinstance(one, ast.Return) and isinstance(one.value, ast.Tuple):
                        self.queue.append((unit, one.value.elts[at]))
        return []

    def callers(self, name: str, parameters: list[str], parameter: str, is_method: bool) -> None:
        key = (name, parameter, is_method)
        if key in self.done:
            return
        self.done.add(key)
        at = parameters.index(parameter)
        for unit, call in self.calls.get(name, []):
            if _is_method_call(unit, call) != is_method:
                continue
            values = [one.value for one in call.keywords if one.arg == parameter]
            if at < len(call.args):
                values.append(call.args[at])
            self.queue += [(unit, value) for value in values]

    def attribute(self, name: str) -> None:
        """Follow an attribute to the constructors of the classes that have it."""
        for class_name, (_, node) in self.classes.items():
            init = next(
                (one for one in node.body if isinstance(one, Function) and one.name == "__init__"), None
            )
            fields = [_name(one.target) for one in node.body if isinstance(one, ast.AnnAssign)]
            parameters = fields if init is None else _parameters(init)
            if name in parameters:
                self.callers(class_name, parameters, name, is_method=False)

    def result(self, unit: _Unit, call: ast.Call) -> None:
        """Follow a call to what it returns."""
        name = _name(call.func)
        if name == "str":
            self.queue += [(unit, one) for one in call.args]
        functions = self.functions.get(name, [])
        if name in self.classes:
            owner, node = self.classes[name]
            functions = [
                (owner, one) for one in node.body if isinstance(one, Function) and one.name == "__str__"
            ]
        for owner, function in functions:
            for one in ast.walk(function):
                if isinstance(one, ast.Return) and one.value is not None:
                    self.queue.append((owner, one.value))


def _reported(node: ast.Call | ast.Tuple) -> Iterator[ast.expr]:
    """Yield the values of a report that are prose, and the hint that is its own.

    A report is a call with a code, or a tuple of a code and the values that somebody will report.
    """
    parts = node.args if isinstance(node, ast.Call) else node.elts
    codes = [one.value for one in parts if isinstance(one, ast.Constant) and isinstance(one.value, str)]
    code = next((one for one in codes if CODE.fullmatch(one)), None)
    if code is None and not (isinstance(node, ast.Call) and _name(node.func) in ("add", "_refuse")):
        return
    names = PROSE
    if code in MESSAGES:
        texts = (MESSAGES[code].message, MESSAGES[code].hint)
        names = {name for text in texts for name, is_prose in placeholders(text) if is_prose}
    values = [(one.arg, one.value) for one in getattr(node, "keywords", [])]
    for one in parts:
        if isinstance(one, ast.Dict):
            keys = [key.value if isinstance(key, ast.Constant) else None for key in one.keys]
            values += zip(keys, one.values, strict=True)
    yield from (value for name, value in values if name in {*names, "hint"})


def _raised(node: ast.Raise) -> list[ast.expr]:
    """Return what an error says that readers report as a problem."""
    error = node.exc
    return error.args[:1] if isinstance(error, ast.Call) and _name(error.func) in ERRORS else []


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _is_method(function: Function) -> bool:
    return [one.arg for one in function.args.args[:1]] == ["self"]


def _is_method_call(unit: _Unit, call: ast.Call) -> bool:
    """Return whether a call goes to an object, not to a function or a function of a module."""
    function = call.func
    return isinstance(function, ast.Attribute) and _name(function.value) not in unit.modules


def _parameters(function: Function) -> list[str]:
    names = [one.arg for one in (*function.args.args, *function.args.kwonlyargs)]
    return names[1:] if names[:1] == ["self"] else names
