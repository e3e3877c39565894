"""Conditions written as maps: `{did: …}`, `{segment: …}`, `{all: […]}`, `{any: […]}`, `{not: …}`.

They compile to the same CEL as text does; each `did` becomes a variable of it.
"""

from __future__ import annotations

from dataclasses import replace

from leadloop.conditions import ConditionError, compile_expression
from leadloop.language.diagnostics import Report
from leadloop.language.expressions import Reference, Scope, compile_condition
from leadloop.language.fields import Fields, known_name, text
from leadloop.language.matchers import MatchReader
from leadloop.language.nodes import Mapping, Node, Scalar
from leadloop.language.plan import Did, Expression, digest
from leadloop.language.suggest import nearest

MAPS = ("did", "segment", "all", "any", "not")
ENTRY = "entry"


def compile_map(report: Report, node: Mapping, what: str, scope: Scope) -> Expression | None:
    """Return the compiled condition map, or None after a report."""
    joined = _compiled(report, node, what, scope, negated=False)
    if joined is None:
        return None
    variables = {name: kind for name, kind in joined.variables.items() if name not in joined.did}
    try:
        # Each part compiled; together they may be too long or too deep.
        return compile_expression(joined.source, variables, joined.did)
    except ConditionError as error:
        fix = "use fewer members, or put some into a segment"
        report.add("SCN301", node.place, problem=error.message, fix=fix)
        return None


def _compiled(report: Report, node: Mapping, what: str, scope: Scope, negated: bool) -> Expression | None:
    """Return the joined parts; `negated` under an odd number of `not`."""
    written = [name for name in MAPS if node.get(name) is not None]
    if len(written) != 1:
        _not_one(report, node, what, written)
        return None
    kind = written[0]
    fields = Fields(report, node, f"`{{{kind}: …}}`")
    if kind == "did":
        question = _did(fields, scope, negated)
        return None if question is None else _asked(question)
    result = _segment(fields, scope) if kind == "segment" else _joined(fields, kind, scope, negated)
    fields.finish()
    return result


def read_did(report: Report, node: Mapping, scope: Scope) -> Did | None:
    """Return a question about the past that stands alone, such as the metric of an experiment."""
    return _did(Fields(report, node, "`{did: …}`"), scope, negated=False)


def _not_one(report: Report, node: Mapping, what: str, written: list[str]) -> None:
    if written:
        both = " and ".join(f"`{name}`" for name in written)
        report.add(
            "SCN112",
            node.place,
            problem=f"a condition has {both}",
            fix="join them: `{all: [{segment: a}, {not: {segment: b}}]}`",
        )
        return
    near = next((found for name in node.names()[:10] if (found := nearest(name, MAPS))), None)
    report.add(
        "SCN112",
        node.place,
        problem=f"{what} is no condition",
        fix=f"did you mean `{near}`?" if near else "write CEL text, or a map with one of: " + ", ".join(MAPS),
    )


def _joined(fields: Fields, kind: str, scope: Scope, negated: bool) -> Expression | None:
    """Return `all`, `any` or `not` of other conditions."""
    if kind == "not":
        node = fields.take("not")
        only = None if node is None else _member(fields.report, node, "`not`", scope, not negated)
        return None if only is None else _merged([only], "!({})")
    parts = [
        _member(fields.report, one, f"a member of `{kind}`", scope, negated) for one in fields.sequence(kind)
    ]
    found = [part for part in parts if part is not None]
    if not found or len(found) < len(parts):
        return None
    sign = " && " if kind == "all" else " || "
    return _merged(found, sign.join(["({})"] * len(found)))


def _member(report: Report, node: Node, what: str, scope: Scope, negated: bool) -> Expression | None:
    if isinstance(node, Mapping):
        return _compiled(report, node, what, scope, negated)
    return compile_condition(report, node, what, scope)


def _merged(parts: list[Expression], form: str) -> Expression:
    pieces = form.split("{}")
    # A CEL comment ends with its line, so the bracket after it stands on the next one.
    sources = [part.source + "\n" if "//" in part.source else part.source for part in parts]
    source = pieces[0] + "".join(one + after for one, after in zip(sources, pieces[1:], strict=True))
    return Expression(
        source=source,
        variables={name: kind for part in parts for name, kind in part.variables.items()},
        did={name: question for part in parts for name, question in part.did.items()},
    )


def _segment(fields: Fields, scope: Scope) -> Expression | None:
    node = fields.take("segment")
    if "lead.segments" not in scope.facts:
        fields.report.add(
            "SCN112",
            fields.node.place,
            problem="a segment cannot be asked for here",
            fix=scope.why_not or "ask for facts of the lead",
        )
        return None
    name = None if node is None else known_name(fields.report, node, "segment", scope.vocabulary.segments)
    if name is None:
        return None
    return Expression(source=f'"{name}" in lead.segments', variables={"lead.segments": "texts"})


def _asked(question: Did) -> Expression:
    code = digest(question)[:8]
    # A name in CEL begins with a letter.
    name = f"did.{'abcdef'[int(code[0], 16) % 6]}{code[1:]}"
    return Expression(source=name, variables={name: "bool"}, did={name: question})


def _did(fields: Fields, scope: Scope, negated: bool) -> Did | None:
    """Return `{did: EVENT, PROPERTY: …, of: …, within | since, at_least, distinct}`."""
    report, place = fields.report, fields.node.place
    inside = replace(scope, did="never", why_not="`where` knows the lead and the event")
    match = MatchReader(scope.vocabulary, inside, scope.steps, ("event",)).event(fields, "did")
    within = fields.span("within")
    since = _since(fields, scope)
    at_least = fields.integer("at_least", 1, 10_000)
    distinct = None
    if fields.has("distinct"):
        properties = {} if match is None else scope.vocabulary.events[match.event]
        distinct = fields.known("distinct", "property", properties) if match is not None else None
    if match is not None:
        fields.finish()
    if scope.did == "never":
        report.add(
            "SCN112",
            place,
            problem="the past cannot be asked here",
            fix="put the `did` into a segment of segments.yaml, and ask for the segment"
            if "lead.segments" in scope.facts
            else scope.why_not,
        )
        return None
    if within is not None and (both := fields.node.get("since")):
        report.add(
            "SCN112",
            both.place,
            problem="`within` and `since` are two beginnings",
            fix="keep one: `within: 30 days`, or `since: entry`",
        )
    written = fields.node.get("within")
    if written is not None and within is not None and within.unit.startswith("business"):
        report.add(
            "SCN112",
            written.place,
            problem="`within` counts the past without a calendar",
            fix="write hours, days or weeks: `within: 30 days`",
        )
    if within is not None and negated and scope.did == "settled":
        report.add("SCN310", place)
        return None
    if match is None or (since is None and fields.has("since")):
        return None
    return Did(match=match, within=within, since=since, at_least=at_least or 1, distinct=distinct)


def _since(fields: Fields, scope: Scope) -> str | None:
    node = fields.take("since")
    written = None if node is None else text(fields.report, node, "`since`")
    if node is None or written is None or not isinstance(node, Scalar):
        return None
    if scope.steps is None:
        fields.report.add(
            "SCN112",
            node.place,
            problem="`since` has no meaning here: there is no journey yet",
            fix="write `within: 30 days`",
        )
        return None
    if written != ENTRY:
        scope.steps.append(Reference(node, written))
    return written
