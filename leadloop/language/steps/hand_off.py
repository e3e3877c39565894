"""`hand_off`: the lead, or its company, to sales."""

from __future__ import annotations

from leadloop.language.plan import HandOffStep
from leadloop.language.steps.building import StepSite
from leadloop.language.steps.people import read_assignee

OUTCOMES = ("on_rejected", "on_expired", "on_won", "on_lost")
OWNERS = ("owner", "company_owner")
_ELSE = "for example `else: inside-sales`: many leads have no owner"


def read_hand_off(site: StepSite) -> HandOffStep | None:
    """`hand_off: {what: lead|company, to: QUEUE|owner|company_owner, else: QUEUE, accept_within: …, …}`."""
    fields = site.body("hand_off")
    if fields is None:
        return None
    what = fields.choice("what", ("lead", "company")) or "lead"
    queue, otherwise = read_assignee(site, fields, OWNERS)
    if queue in OWNERS and not fields.has("else"):
        site.report.add(
            "SCN103", fields.node.place, where="a `hand_off` to an owner", key="else", example=_ELSE
        )
    accept_within = fields.span("accept_within")
    escalate_to = fields.address("escalate_to")
    if escalate_to is not None and not fields.has("accept_within"):
        site.report.add(
            "SCN112",
            fields.node.place,
            problem="`escalate_to` without `accept_within`",
            fix="add `accept_within: 4 business hours`",
        )
    work_within = fields.span("work_within")
    outcomes = {name: site.on(fields, name) for name in OUTCOMES}
    fields.finish()
    if queue is None:
        return None
    return HandOffStep.model_validate(
        {
            **site.base,
            "what": what,
            "queue": queue,
            "otherwise": otherwise,
            "accept_within": accept_within,
            "escalate_to": escalate_to,
            "work_within": work_within,
            **outcomes,
        }
    )
