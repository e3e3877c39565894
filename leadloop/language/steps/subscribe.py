"""`subscribe`: permission to mail a topic."""

from __future__ import annotations

from leadloop.language.plan import SubscribeStep
from leadloop.language.steps.building import StepSite


def read_subscribe(site: StepSite) -> SubscribeStep | None:
    """`subscribe: {topic: newsletter, basis: opt_in}`; the topic must allow the basis."""
    fields = site.body("subscribe")
    if fields is None:
        return None
    topics = site.building.vocabulary.workspace.topics
    topic = fields.known("topic", "topic", topics, "topic: newsletter")
    allowed = topics[topic].basis if topic is not None else ()
    node = fields.take("basis", f"basis: {allowed[0] if allowed else 'opt_in'}")
    basis = None
    if node is not None and topic is not None:
        basis = fields.choice("basis", allowed)
    fields.finish()
    if topic is None or basis is None:
        return None
    return SubscribeStep.model_validate({**site.base, "topic": topic, "basis": basis})
