"""Forms of wait, the same in `wait`, `timeout` and everywhere else a length or a moment is written."""

from __future__ import annotations

from leadloop.language.fields import Fields, parsed
from leadloop.language.nodes import Mapping, Node, Scalar
from leadloop.language.plan import COMPLETED, Span, Target, WaitSpec
from leadloop.language.spans import parse_span, parse_time, parse_until
from leadloop.language.steps.building import CONTINUE, StepSite
from leadloop.language.suggest import Suggestion


def read_wait(site: StepSite, node: Node, what: str) -> WaitSpec | None:
    """Return any form of wait: `3 days`, `{for: …, at: …}`, `{until: …, at: …, if_past: …}`."""
    if not isinstance(node, Mapping):
        length = parsed(site.report, node, what, parse_span)
        return None if length is None else _spec(site, node, what, length, None)
    fields = Fields(site.report, node, what)
    at = fields.parsed("at", parse_time)
    if fields.has("until"):
        spec = _until(site, fields, at)
    else:
        length = fields.span("for", "for: 1 day", zero=at is not None)
        spec = None if length is None else _spec(site, node, what, length, at)
    fields.finish()
    return spec


def _spec(site: StepSite, node: Node, what: str, length: Span, at: str | None) -> WaitSpec | None:
    if length.amount == 0 and at is None:
        site.report.add("SCN107", node.place, what=what, problem="a length of zero does not wait")
        return None
    if at is not None and length.unit not in ("days", "weeks", "months", "business_days"):
        site.report.add(
            "SCN112",
            node.place,
            problem="`at` goes with days, weeks or months",
            fix="write `{for: 1 day, at: 09:00}`",
        )
    return WaitSpec(span=length, at=at)


def _until(site: StepSite, fields: Fields, at: str | None) -> WaitSpec | None:
    written = fields.parsed("until", parse_until)
    past = fields.take("if_past")
    if isinstance(past, Scalar) and past.text == "exit":
        if_past: Target | None = Target(exit=COMPLETED)
    elif past is None or (isinstance(past, Scalar) and past.text == CONTINUE):
        if_past = None
    else:
        if_past = site.target(past, "`if_past`")
    node = fields.node.get("until")
    if written is None or node is None:
        return None
    if past is not None and written.until.weekday is not None:
        site.report.add(
            "SCN112",
            past.place,
            problem="a weekday is never past: `if_past` has no meaning here",
            fix="remove `if_past`",
        )
    if at is not None and written.at is not None:
        site.report.add(
            "SCN112",
            node.place,
            problem="the time of day is written twice",
            fix="keep `at`, or the time in `until`",
        )
    if written.until.fact is not None and not instant_fact(site, node, written.until.fact):
        return None
    return WaitSpec(until=written.until, at=at or written.at, if_past=if_past)


def instant_fact(site: StepSite, node: Node, name: str) -> bool:
    """Return whether a name is a date or moment that this scenario knows; report it if not."""
    facts = site.building.scope.facts
    moments = [known for known, fact in facts.items() if fact.type == "instant"]
    if name in moments:
        site.building.scope.look_back(node.place, name)
        return True
    if name in facts:
        site.report.add(
            "SCN102",
            node.place,
            what=f"`{name}`",
            wanted="a date or a moment",
            found=f"of type {facts[name].type}",
        )
    else:
        site.report.add("SCN201", node.place, kind="date", name=name, suggestion=Suggestion(name, moments))
    return False
