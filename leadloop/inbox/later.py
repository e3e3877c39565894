"""Facts that are read when they are asked for: most turns ask for none."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import TypeVar

_Value = TypeVar("_Value")


class Later(Mapping[str, _Value]):
    """A mapping that is read, whole, when something in it is first asked for."""

    def __init__(self, read: Callable[[], Mapping[str, _Value]]) -> None:
        self._read = read

    @cached_property
    def _found(self) -> Mapping[str, _Value]:
        return self._read()

    def __getitem__(self, name: str) -> _Value:
        return self._found[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)
