"""How fast the relay calls the Temporal service: as fast as it takes it.

Additive increase, multiplicative decrease, as TCP does it (RFC 5681): every round without a refusal allows
one call more at a time, a refusal halves them and lets the relay rest, longer each time. After an
outage the backlog is therefore sent at a rate that the service has shown to take.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from temporalio.service import RPCStatusCode

MOST_AT_ONCE = 16
_FIRST_REST, _LONGEST_REST = 0.25, 10.0
"""Seconds."""

BUSY = frozenset(
    {
        RPCStatusCode.RESOURCE_EXHAUSTED,
        RPCStatusCode.UNAVAILABLE,
        RPCStatusCode.DEADLINE_EXCEEDED,
        RPCStatusCode.CANCELLED,  # a silent service: the client's own time limit says so
    }
)
"""What says that the service, not the call, is the reason."""


@dataclass
class Pace:
    """The pace of one relay. Not shared between threads."""

    clock: Callable[[], float] = time.monotonic
    at_once: int = MOST_AT_ONCE
    _rest: float = 0.0
    _until: float = field(default=0.0)
    _refused: bool = False

    def begin_round(self) -> None:
        """Say that a round of calls begins."""
        self._refused = False

    def refuse(self, status: RPCStatusCode) -> None:
        """Say that the service refused a call; one refusal counts in a round."""
        if status not in BUSY or self._refused:
            return
        self._refused = True
        self.at_once = max(1, self.at_once // 2)
        self._rest = min(_LONGEST_REST, self._rest * 2 or _FIRST_REST)
        self._until = self.clock() + self._rest

    def end_round(self) -> None:
        """Say that a round is over."""
        if not self._refused:
            self.at_once = min(MOST_AT_ONCE, self.at_once + 1)
            self._rest = 0.0

    @property
    def is_over(self) -> bool:
        """Whether the rest of this round is to be left for later."""
        return self._refused

    @property
    def is_resting(self) -> bool:
        """Whether the next round has to wait."""
        return self.clock() < self._until
