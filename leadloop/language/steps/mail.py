"""The steps `send` and `stream`: mail."""

from __future__ import annotations

from leadloop.language.expressions import compile_condition
from leadloop.language.fields import Fields
from leadloop.language.nodes import Scalar
from leadloop.language.plan import SendStep, StreamStep
from leadloop.language.sources import Source
from leadloop.language.steps.building import StepSite
from leadloop.language.templates import check_text, template_scope


def read_send(site: StepSite) -> SendStep | None:
    """`send: {template: a/b, topic: …, subject: …, late: …, on_late: …, on_skip: …, on_fail: …}`."""
    fields = site.body("send")
    if fields is None:
        return None
    later = fields.has("stream") and not fields.has("template")
    template = site.building.templates.read_name(fields, None if later else "template: whitepaper/thanks")
    topic = read_topic(site, fields)
    subject = fields.text("subject")
    if subject is not None:
        _check_subject(site, fields, subject)
    late = fields.span("late")
    on_late = fields.choice("on_late", ("send", "skip"))
    if on_late is not None and not fields.has("late"):
        site.report.add(
            "SCN112", fields.node.place, problem="`on_late` without `late`", fix="add `late: 12 hours`"
        )
    on_skip, on_fail = site.on(fields, "on_skip"), site.on(fields, "on_fail")
    fields.finish({"stream": "use a `stream` step"})
    if template is None:
        return None
    return SendStep.model_validate(
        {
            **site.base,
            "template": template,
            "topic": topic,
            "subject": subject,
            "late": late,
            "on_late": on_late or "send",
            "on_skip": on_skip,
            "on_fail": on_fail,
        }
    )


def _check_subject(site: StepSite, fields: Fields, subject: str) -> None:
    node = fields.node.get("subject")
    if isinstance(node, Scalar):
        place = node.place
        padded = Source(place.source.path, place.source.text)
        check_text(site.report, padded, subject, template_scope(site.building.vocabulary), place.line)


def read_topic(site: StepSite, fields: Fields) -> str:
    """Return the topic of the step, or of the scenario."""
    return fields.known("topic", "topic", site.building.vocabulary.workspace.topics) or site.building.topic


def read_stream(site: StepSite) -> StreamStep | None:
    """`stream: {of: tips, every: 2 weeks, until: CONDITION, go: STEP, on_exhausted: …}`."""
    fields = site.body("stream")
    if fields is None:
        return None
    stream = fields.known("of", "stream", site.building.vocabulary.streams, "of: tips")
    every = fields.span("every", "every: 2 weeks")
    condition = fields.take("until")
    until = None
    if condition is not None:
        until = compile_condition(site.report, condition, "`until`", site.building.scope)
    go = fields.take("go")
    if go is not None and condition is None:
        site.report.add(
            "SCN112",
            go.place,
            problem="`go` without `until`",
            fix='say when the stream ends: `until: lead.stage == "mql"`',
        )
    target = None if go is None else site.target(go, "`go`")
    topic = read_topic(site, fields)
    on_exhausted = site.on(fields, "on_exhausted")
    fields.finish()
    if stream is None or every is None:
        return None
    return StreamStep(
        **site.base,
        stream=stream,
        topic=topic,
        every=every,
        until=until,
        go=target,
        on_exhausted=on_exhausted,
    )
