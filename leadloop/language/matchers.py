"""Matchers: `{event: …}`, `{stage: …}` and `{when: …}`, the same wherever they stand."""

from __future__ import annotations

from dataclasses import dataclass

from leadloop.language import builtins
from leadloop.language.expressions import Reference, Scope, compile_condition
from leadloop.language.fields import Fields, boolean, choice, integer, items, known_name, one_or_many, text
from leadloop.language.nodes import Node, Scalar, Sequence
from leadloop.language.plan import (
    EventMatch,
    Expression,
    FieldSpec,
    Matcher,
    PropertyMatch,
    StageMatch,
    WhenMatch,
)
from leadloop.language.spans import parse_day
from leadloop.language.suggest import Suggestion
from leadloop.language.vocabulary import Vocabulary

RESERVED_PROPERTIES = frozenset(
    {
        "event",
        "stage",
        "when",
        "of",
        "where",
        "go",
        "then",
        "start",
        "since",
        "existing",
        "limit",
        "people",
        "within",
        "id",
        "points",
        "at_most",
        "every",
        "segment",
        "inactive",
        "date",
        "schedule",
        "manual",
        "did",
        "at_least",
        "distinct",
    }
)
"""Words of matchers and of the maps that hold them: no property may have such a name."""


@dataclass
class MatchReader:
    """Reads matchers in one place of a file. `references` is None where no step can be named."""

    vocabulary: Vocabulary
    scope: Scope
    """What `where` may read, without the facts of the event."""
    references: list[Reference] | None = None
    kinds: tuple[str, ...] = ("event", "stage", "when")
    waiting: Scope | None = None
    """What a `when` may read, where `kinds` has it."""

    def read(self, fields: Fields) -> Matcher | None:
        """Return the matcher in a map that may hold other settings too."""
        written = [kind for kind in ("event", "stage", "when") if fields.has(kind)]
        if "event" in written:
            return self.event(fields)
        if len(written) != 1 or written[0] not in self.kinds:
            self._no_matcher(fields, written)
            return None
        if written == ["stage"]:
            return self._stage(fields)
        node = fields.take("when")
        if node is None or self.waiting is None:
            return None
        condition = compile_condition(fields.report, node, "`when`", self.waiting)
        return None if condition is None else WhenMatch(when=condition)

    def _no_matcher(self, fields: Fields, written: list[str]) -> None:
        for name in written:
            fields.take(name)
        forms = " or ".join(f"`{kind}: …`" for kind in self.kinds)
        problem = f"{fields.where} needs {forms}"
        fix = f"write one of {forms}"
        conditions = [name for name in ("did", "segment", "all", "any", "not") if fields.has(name)]
        if len(written) > 1:
            problem = f"{fields.where} has {' and '.join(f'`{name}`' for name in written)}"
        elif conditions and "when" in self.kinds:
            _take_all(fields)
            fix = f"a condition stands in `when`: `{{when: {{{conditions[0]}: …}}}}`"
        fields.report.add("SCN112", fields.node.place, problem=problem, fix=fix)

    def _stage(self, fields: Fields) -> StageMatch | None:
        node = fields.take("stage")
        if node is None:
            return None
        written = items(fields.report, node, "`stage`") if isinstance(node, Sequence) else [node]
        stages = [known_name(fields.report, one, "stage", self.vocabulary.stages) for one in written]
        names = tuple(stage for stage in stages if stage is not None)
        return StageMatch(stages=names) if names else None

    def event(self, fields: Fields, key: str = "event") -> EventMatch | None:
        """Return the event matcher in a map; the event's name stands under `key`."""
        report, events = fields.report, self.vocabulary.events
        node = fields.take(key)
        name = None if node is None else text(report, node, f"`{key}`")
        if node is None or name is None:
            _take_all(fields)
            return None
        if name not in events:
            report.add("SCN201", node.place, kind="event", name=name, suggestion=Suggestion(name, events))
            _take_all(fields)
            return None
        properties = []
        for property_name, spec in events[name].items():
            value = fields.take(property_name)
            match = None if value is None else _property(fields, property_name, spec, value)
            if match is not None:
                properties.append(match)
        return EventMatch(
            event=name,
            properties=tuple(properties),
            of=self._of(fields, name),
            where=self._where(fields, name),
        )

    def _where(self, fields: Fields, event: str) -> Expression | None:
        node = fields.take("where")
        if node is None:
            return None
        scope = self.scope.with_facts(self.vocabulary.event_facts(event))
        return compile_condition(fields.report, node, "`where`", scope)

    def _of(self, fields: Fields, event: str) -> tuple[str, ...]:
        node = fields.take("of")
        if node is None:
            return ()
        if event not in builtins.MESSAGE_EVENTS:
            fields.report.add(
                "SCN112",
                node.place,
                problem=f"`{event}` does not belong to a message",
                fix="`of` goes with email events such as `email_clicked`",
            )
            return ()
        if self.references is None:
            fields.report.add(
                "SCN112",
                node.place,
                problem="`of` cannot name a step here",
                fix="use it in `await`, `goal`, `exit_when` and `bypass`",
            )
            return ()
        names = []
        for one in one_or_many(node):
            step_id = text(fields.report, one, "`of`")
            if step_id is not None and isinstance(one, Scalar):
                self.references.append(Reference(one, step_id, must_send=True))
                names.append(step_id)
        return tuple(names)


def _take_all(fields: Fields) -> None:
    """Accept all settings of a map whose event is unknown: one error is enough."""
    for key in fields.node.names():
        fields.take(key)


def _property(fields: Fields, name: str, spec: FieldSpec, node: Node) -> PropertyMatch | None:
    report, what = fields.report, f"`{name}`"
    if isinstance(node, Scalar) and spec.type == "text" and node.text.endswith("*"):
        return PropertyMatch(name=name, prefix=node.text[:-1])
    values: list[str | int | bool] = []
    for one in one_or_many(node):
        value: str | int | bool | None
        if spec.type == "int":
            value = integer(report, one, what)
        elif spec.type == "bool":
            value = boolean(report, one, what)
        elif spec.type == "enum":
            value = choice(report, one, what, spec.values)
        else:
            value = text(report, one, what)
        if isinstance(value, str) and not _fits(fields, one, what, spec, value):
            continue
        if value is not None:
            values.append(value)
    if not values:
        if isinstance(node, Sequence) and not node.items:
            report.add("SCN113", node.place, what=what)
        return None
    return PropertyMatch(name=name, values=tuple(values))


def _fits(fields: Fields, node: Node, what: str, spec: FieldSpec, value: str) -> bool:
    if spec.type == "text" and value.endswith("*"):
        fields.report.add(
            "SCN112",
            node.place,
            problem=f"{what}: a prefix `…*` stands alone",
            fix="write two branches, or use `where`",
        )
        return False
    if spec.type == "date":
        try:
            parse_day(value)
        except ValueError as error:
            fields.report.add("SCN107", node.place, what=what, problem=str(error))
            return False
    if spec.type == "datetime":
        fields.report.add(
            "SCN112",
            node.place,
            problem=f"{what} is a moment and has no equal",
            fix=f"use `where`, for example `event.{what[1:-1]} > now`",
        )
        return False
    return True
