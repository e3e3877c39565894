"""Base of handlers whose step never waits."""

from __future__ import annotations

from typing import Any

from leadloop.journey.state import Again, Cause, Stop
from leadloop.journey.walk import HoldError, Walk
from leadloop.language.plan import Target


class InstantHandler:
    """A step that is over as soon as it begins; nothing can resume it."""

    def resume(self, step: Any, walk: Walk, cause: Cause) -> Target | Again | Stop:
        raise HoldError(f"`{step.id}` does not wait, so nothing can resume it")
