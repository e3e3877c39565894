"""The background part of operations: journeys in line with paused scenarios, mails after the kill switch."""

from __future__ import annotations

from leadloop.inbox.operations.scenarios import settle_scenarios
from leadloop.inbox.operations.sending import release_some
from leadloop.storage.environment import Environment


def run_operations(env: Environment, limit: int = 100) -> int:
    """Do a part of what is left; return how many journeys or mails it concerned."""
    return settle_scenarios(env, limit) + release_some(env, limit)
