"""Which journeys' tasks go first where tasks wait: Temporal's priority and fairness keys.

A journey's activities inherit both, so that mails and calls of a scenario with a higher `priority`
overtake a bulk mailing in the queue, and scenarios of the same priority share it evenly. They are set
when a run of the workflow starts.
"""

from __future__ import annotations

from temporalio.common import Priority

from leadloop.language.plan import Plan

_EDGES = (80, 60, 40, 20)
"""Scenario priorities from which on the keys 1 to 4 hold; below is 5, Temporal's last."""
_MOST_BYTES = 64
"""Temporal's limit for a fairness key."""


def task_priority(plan: Plan) -> Priority:
    """Return the priority of a scenario's tasks: 1 goes first, 3 is that of `priority: 50`."""
    key = next((number for number, edge in enumerate(_EDGES, 1) if plan.priority >= edge), 5)
    fairness = plan.scenario.encode()[:_MOST_BYTES].decode(errors="ignore")
    return Priority(priority_key=key, fairness_key=fairness)
