"""`send`: one mail, of a template or the next item of a stream."""

from __future__ import annotations

from leadloop.language.fields import Fields
from leadloop.language.nodes import Scalar
from leadloop.language.plan import SendStep
from leadloop.language.steps.building import MailUse, StepSite
from leadloop.language.templates import check_text, template_scope


def read_send(site: StepSite) -> SendStep | None:
    """`send: {template: a/b | stream: news, subject: …, topic: …, late: …, on_late: …, on_…: …}`."""
    fields = site.body("send")
    if fields is None:
        return None
    template, stream = _content(site, fields)
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
    fields.finish()
    if template is None and stream is None:
        return None
    site.building.mails.append(MailUse(fields.node.place, topic, template, stream))
    return SendStep.model_validate(
        {
            **site.base,
            "template": template,
            "stream": stream,
            "topic": topic,
            "subject": subject,
            "late": late,
            "on_late": on_late or "send",
            "on_skip": on_skip,
            "on_fail": on_fail,
            "holds": not fields.has("on_fail"),
        }
    )


def _content(site: StepSite, fields: Fields) -> tuple[str | None, str | None]:
    """Return the template or the stream: exactly one of the two."""
    both = fields.has("template") and fields.has("stream")
    if both:
        node = fields.node.get("stream") or fields.node
        site.report.add(
            "SCN112",
            node.place,
            problem="a mail comes from a `template` or from a `stream`, not from both",
            fix="keep one of the two",
        )
    stream = fields.known("stream", "stream", site.building.vocabulary.streams)
    example = None if fields.has("stream") else "template: whitepaper/thanks"
    template = site.building.templates.read_name(fields, example)
    return (None, None) if both else (template, stream)


def _check_subject(site: StepSite, fields: Fields, subject: str) -> None:
    node = fields.node.get("subject")
    if isinstance(node, Scalar):
        scope = template_scope(site.building.vocabulary, site.building.scope.facts)
        check_text(site.report, node.place.source, subject, scope, node.place.line)


def read_topic(site: StepSite, fields: Fields) -> str:
    """Return the topic of the step, or of the scenario."""
    return fields.known("topic", "topic", site.building.vocabulary.workspace.topics) or site.building.topic
