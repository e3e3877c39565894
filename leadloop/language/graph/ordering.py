"""The order of the items in each row, with few crossings: barycentres, and exchange of neighbours."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections import defaultdict
from collections.abc import Sequence

_SWEEPS = 24
Rows = list[list[int]]
Segment = tuple[int, int]
"""(item of a row, item of the row below it)"""


def order(rows: Rows, segments: Sequence[Segment]) -> Rows:
    """Return the rows with their items in another order. The same for the same input."""
    ordering = _Ordering(rows, segments)
    best, fewest = [list(row) for row in ordering.rows], ordering.crossings()
    for sweep in range(_SWEEPS):
        if fewest == 0:
            break
        ordering.sweep(down=sweep % 2 == 0)
        ordering.exchange()
        found = ordering.crossings()
        if found < fewest:
            best, fewest = [list(row) for row in ordering.rows], found
    return best


class _Ordering:
    def __init__(self, rows: Rows, segments: Sequence[Segment]) -> None:
        self.rows = [list(row) for row in rows]
        self.above: dict[int, list[int]] = defaultdict(list)
        self.below: dict[int, list[int]] = defaultdict(list)
        for upper, lower in segments:
            self.above[lower].append(upper)
            self.below[upper].append(lower)
        self.at = {item: at for row in rows for at, item in enumerate(row)}

    def crossings(self) -> int:
        """Return how many pairs of segments cross."""
        count = 0
        for row in self.rows:
            seen: list[int] = []
            for item in row:
                ends = sorted(self.at[lower] for lower in self.below[item])
                count += sum(len(seen) - bisect_right(seen, end) for end in ends)
                for end in ends:
                    insort(seen, end)
        return count

    def sweep(self, down: bool) -> None:
        """Sort each row by the mean place of the neighbours in the row before it."""
        neighbours = self.above if down else self.below
        for row in self.rows if down else reversed(self.rows):
            means = {}
            for item in row:
                places = [self.at[one] for one in neighbours[item]]
                means[item] = sum(places) / len(places) if places else self.at[item]
            row.sort(key=lambda item: means[item])
            self.place(row)

    def exchange(self) -> None:
        """Exchange neighbours in a row while that removes crossings."""
        better = True
        while better:
            better = False
            for row in self.rows:
                for at in range(len(row) - 1):
                    left, right = row[at], row[at + 1]
                    if self.between(left, right) > self.between(right, left):
                        row[at], row[at + 1] = right, left
                        self.place(row)
                        better = True

    def between(self, left: int, right: int) -> int:
        """Return the crossings of the segments of two items of a row, in this order."""
        return sum(
            self.at[one] > self.at[other]
            for neighbours in (self.above, self.below)
            for one in neighbours[left]
            for other in neighbours[right]
        )

    def place(self, row: list[int]) -> None:
        self.at.update({item: at for at, item in enumerate(row)})
