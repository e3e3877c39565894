"""`stream`: items of a stream, one at every cast."""

from __future__ import annotations

from leadloop.language.plan import StreamStep
from leadloop.language.steps.building import MailUse, StepSite
from leadloop.language.steps.send import read_topic


def read_stream(site: StepSite) -> StreamStep | None:
    """`stream: {of: tips, every: 2 weeks, topic: …, until: CONDITION, go: STEP, on_exhausted: …}`."""
    fields = site.body("stream")
    if fields is None:
        return None
    stream = fields.known("of", "stream", site.building.vocabulary.streams, "of: tips")
    every = fields.span("every", "every: 2 weeks")
    until = site.condition(fields, "until")
    go = fields.take("go")
    if go is not None and not fields.has("until"):
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
    site.building.mails.append(MailUse(fields.node.place, topic, stream=stream))
    return StreamStep(
        **site.base,
        stream=stream,
        topic=topic,
        every=every,
        until=until,
        go=target,
        on_exhausted=on_exhausted,
    )
