"""A bound on how often somebody may be wrong."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

_MOST_CLIENTS = 10_000
_WRONG_PER_SECOND = 5.0
_WRONG_AT_ONCE = 20


class Throttle:
    """A bucket of tokens per client: `burst` at once, then `per_second`. Memory is bounded.

    A client is forgotten only when ten thousand others came after it, and then has a full bucket.
    """

    def __init__(
        self, per_second: float, burst: int, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._per_second = per_second
        self._burst = float(burst)
        self._monotonic = monotonic
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, client: str) -> bool:
        """Take a token of a client; False where there is none left."""
        now = self._monotonic()
        tokens, at = self._buckets.pop(client, (self._burst, now))
        tokens = min(self._burst, tokens + (now - at) * self._per_second)
        allowed = tokens >= 1.0
        self._buckets[client] = (tokens - 1.0 if allowed else tokens, now)
        if len(self._buckets) > _MOST_CLIENTS:
            self._buckets.popitem(last=False)
        return allowed


def for_wrong_credentials() -> Throttle:
    """Return the bound on wrong keys and wrong signatures of one address, together."""
    return Throttle(_WRONG_PER_SECOND, _WRONG_AT_ONCE)
