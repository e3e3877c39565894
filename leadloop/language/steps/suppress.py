"""`suppress`: no mail of some topics, for a reason of ours."""

from __future__ import annotations

from leadloop.language.fields import Fields, items, known_name
from leadloop.language.matchers import MatchReader
from leadloop.language.nodes import Mapping, Node, Scalar, Sequence
from leadloop.language.plan import EventMatch, SuppressStep
from leadloop.language.steps.building import StepSite


def read_suppress(site: StepSite) -> SuppressStep | None:
    """`suppress: {topics: [nurture], reason: sunset, lift_on: [form_submitted, {event: …}]}`."""
    fields = site.body("suppress")
    if fields is None:
        return None
    declared = site.building.vocabulary.workspace.topics
    written = fields.sequence("topics", "topics: [nurture]")
    topics = [known_name(site.report, one, "topic", declared) for one in written]
    reason = fields.name("reason", "reason: sunset")
    node = fields.take("lift_on")
    nodes = items(site.report, node, "`lift_on`") if isinstance(node, Sequence) else [node] if node else []
    lifts = [_event(site, one) for one in nodes]
    fields.finish()
    if reason is None or not topics or None in topics or None in lifts:
        return None
    return SuppressStep.model_validate({**site.base, "topics": topics, "reason": reason, "lift_on": lifts})


def _event(site: StepSite, node: Node) -> EventMatch | None:
    """Return one of `lift_on`: the name of an event, or a matcher of events."""
    if isinstance(node, Scalar):
        events = site.building.vocabulary.events
        name = known_name(site.report, node, "event", events)
        return None if name is None else EventMatch(event=name)
    if not isinstance(node, Mapping):
        site.report.add("SCN102", node.place, what="`lift_on`", wanted="an event", found="a list")
        return None
    fields = Fields(site.report, node, "an event of `lift_on`")
    # No `of`: the suppression outlives the journey and its sends.
    match = MatchReader(site.building.vocabulary, site.building.scope, kinds=("event",)).read(fields)
    fields.finish()
    return match if isinstance(match, EventMatch) else None
