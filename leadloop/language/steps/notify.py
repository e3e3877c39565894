"""`notify`: a note to our own people."""

from __future__ import annotations

from leadloop.language.fields import ADDRESS, Fields, known_name
from leadloop.language.nodes import Scalar
from leadloop.language.plan import NotifyStep
from leadloop.language.steps.building import MailUse, StepSite

RECEIVERS = ("owner", "slack")


def read_notify(site: StepSite) -> NotifyStep | None:
    """`notify: {to: owner|slack|ADDRESS, template: notify/hot}`. Does not wait for an answer."""
    fields = site.body("notify")
    if fields is None:
        return None
    to = _receiver(site, fields)
    template = site.building.templates.read_name(fields, "template: notify/hot")
    fields.finish()
    if to is None or template is None:
        return None
    site.building.mails.append(MailUse(fields.node.place, None, template))
    return NotifyStep(**site.base, to=to, template=template)


def _receiver(site: StepSite, fields: Fields) -> str | None:
    node = fields.take("to", "to: owner")
    if isinstance(node, Scalar) and ("@" in node.text or node.text in RECEIVERS):
        return node.text if ADDRESS.fullmatch(node.text) or node.text in RECEIVERS else fields.address("to")
    return None if node is None else known_name(site.report, node, "receiver", RECEIVERS)
