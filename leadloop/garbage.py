"""Python's garbage collector in processes that run for long."""

from __future__ import annotations

import gc


def freeze_what_is_loaded() -> None:
    """Let the collector pass over everything that is in memory now; call it once, after the start.

    A full collection stops every thread. With the engine's modules loaded it looks at half a million objects
    that will never go, for a third of a second, and a server that takes events has one every few seconds.
    """
    gc.collect()
    gc.freeze()
