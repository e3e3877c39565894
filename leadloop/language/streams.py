"""streams.yaml -> streams: content that journeys cast one item at a time."""

from __future__ import annotations

from leadloop.language.allowing import ALLOW
from leadloop.language.diagnostics import Report
from leadloop.language.expressions import Scope, compile_condition
from leadloop.language.fields import Fields, mapping, named
from leadloop.language.nodes import Mapping, Node
from leadloop.language.plan import Stream, StreamItem
from leadloop.language.spans import parse_day
from leadloop.language.template_store import TemplateStore
from leadloop.language.vocabulary import NOW, Vocabulary


def stream_names(root: Node | None) -> tuple[str, ...]:
    """Return the streams a file declares, without judging it."""
    return tuple(name for name in root.names() if name != ALLOW) if isinstance(root, Mapping) else ()


def read_streams(
    report: Report, root: Node, vocabulary: Vocabulary, templates: TemplateStore
) -> dict[str, Stream]:
    """Return name -> stream."""
    found = mapping(report, root, "streams.yaml")
    streams = {}
    for key, value in found.entries if found is not None else []:
        if key.text == ALLOW:
            continue
        name = named(report, key, "a stream")
        one = mapping(report, value, f"the stream `{key.text}`")
        if name is None or one is None:
            continue
        fields = Fields(report, one, f"the stream `{name}`")
        order = fields.choice("order", ("listed", "newest")) or "listed"
        written = fields.sequence("items", "items: [{template: tips/1}]")
        read = [_item(report, node, vocabulary, templates) for node in written]
        fields.finish()
        streams[name] = Stream.model_validate({"order": order, "items": [item for item in read if item]})
    return streams


def _item(report: Report, node: Node, vocabulary: Vocabulary, templates: TemplateStore) -> StreamItem | None:
    found = mapping(report, node, "an item of a stream")
    if found is None:
        return None
    fields = Fields(report, found, "an item of a stream")
    template = templates.read_name(fields)
    condition = fields.take("when")
    when = None
    if condition is not None:
        scope = Scope(
            {**vocabulary.lead_facts, **NOW},
            why_not="a stream is shared: it knows only the lead",
            vocabulary=vocabulary,
        )
        when = compile_condition(report, condition, "`when`", scope)
    from_day = fields.parsed("from", parse_day)
    until_day = fields.parsed("until", parse_day)
    fields.finish()
    if from_day and until_day and until_day < from_day:
        report.add("SCN112", found.place, problem="`until` is before `from`", fix="exchange the two dates")
    if template is None:
        return None
    return StreamItem(template=template, when=when, from_day=from_day, until_day=until_day)
