"""Points at which a process can be made to die, to prove that nothing is sent twice or lost.

- `before_claim` to `after_record`: one message on its way to the mail server
- `after_signal`: the relay has woken journeys, and has not noted it yet
- `before_answer`: an event is committed, and the client has not been told 202 yet
"""

from __future__ import annotations

import os
from collections.abc import Callable

FAILPOINTS = (
    "before_claim", "after_claim", "after_data", "after_250", "before_record", "after_record",
    "after_signal", "before_answer",
)  # fmt: skip
EXIT_CODE = 137

FailPoint = Callable[[str], None]


def no_failpoint(_name: str) -> None:
    """Pass every point."""


def failpoint(fail_at: str | None) -> FailPoint:
    """Return a function that ends the process, as `kill -9` would, at the point named `fail_at`.

    Raises `ValueError` for a name that no point has.
    """
    if not fail_at:
        return no_failpoint
    if fail_at not in FAILPOINTS:
        raise ValueError(f"no failpoint {fail_at}; there are {', '.join(FAILPOINTS)}")

    def die_there(name: str) -> None:
        if name == fail_at:
            os._exit(EXIT_CODE)

    return die_there
