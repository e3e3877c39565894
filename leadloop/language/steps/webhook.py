"""`webhook`: a call to an outside address."""

from __future__ import annotations

from leadloop.language.plan import WebhookStep
from leadloop.language.steps.building import StepSite


def read_webhook(site: StepSite) -> WebhookStep | None:
    """`webhook: {to: NAME, on_fail: TARGET}`: a webhook of workspace.yaml."""
    fields = site.body("webhook")
    if fields is None:
        return None
    to = fields.known("to", "webhook", site.building.vocabulary.workspace.webhooks, "to: crm")
    on_fail = site.on(fields, "on_fail")
    holds = not fields.has("on_fail")
    fields.finish()
    return None if to is None else WebhookStep(**site.base, to=to, on_fail=on_fail, holds=holds)
