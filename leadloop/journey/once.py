"""What is worked out of a compiled shape once, and kept for as long as the shape lives."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Generic, TypeVar

_Shape = TypeVar("_Shape")
_Found = TypeVar("_Found")


class OncePer(Generic[_Shape, _Found]):
    """A function of a shape that never changes, such as a publication; by identity, not by value.

    Two threads may work the same out at once; they find the same.
    """

    def __init__(self, work: Callable[[_Shape], _Found]) -> None:
        self._work = work
        self._known: dict[int, tuple[weakref.ref[_Shape], _Found]] = {}

    def __call__(self, shape: _Shape) -> _Found:
        """Return what is worked out of the shape."""
        key = id(shape)
        known = self._known.get(key)
        if known is not None and known[0]() is shape:
            return known[1]
        found = self._work(shape)
        self._known[key] = (weakref.ref(shape, lambda _: self._known.pop(key, None)), found)
        return found
