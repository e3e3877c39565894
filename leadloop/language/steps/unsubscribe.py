"""`unsubscribe`: the person's refusal of a topic, or of all."""

from __future__ import annotations

from leadloop.language.nodes import Scalar
from leadloop.language.plan import UnsubscribeStep
from leadloop.language.steps.building import StepSite


def read_unsubscribe(site: StepSite) -> UnsubscribeStep | None:
    """`unsubscribe: {topic: nurture}`, or `{topic: all}`."""
    fields = site.body("unsubscribe")
    if fields is None:
        return None
    topics = site.building.vocabulary.workspace.topics
    written = fields.take("topic", "topic: nurture")
    every = isinstance(written, Scalar) and written.text == "all" and "all" not in topics
    topic = "*" if every else None if written is None else fields.known("topic", "topic", (*topics, "all"))
    fields.finish()
    return None if topic is None else UnsubscribeStep(**site.base, topic=topic)
