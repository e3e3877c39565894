"""Where the items of each row stand from left to right: Brandes and Köpf, "Fast and Simple Horizontal
Coordinate Assignment" (2001), with the widths of the items and with blocks placed by longest paths.

Long arrows become straight; items stand in the middle of their neighbours where there is room.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence, Set
from itertools import pairwise

from leadloop.language.graph.ordering import Rows, Segment


def place(
    rows: Rows, segments: Sequence[Segment], widths: Mapping[int, float], bends: Set[int], gap: float
) -> dict[int, float]:
    """Return item -> x of its middle; the smallest left side is 0. Neighbours in a row keep `gap`.

    `bends` are the items inside of long arrows: what is between two of them is drawn straight first.
    """
    refused = _conflicts(rows, segments, bends)
    layouts = []
    for upwards in (False, True):
        for leftwards in (False, True):
            turned = [row[::-1] if leftwards else row for row in (rows[::-1] if upwards else rows)]
            before: dict[int, list[int]] = defaultdict(list)
            for upper, lower in segments:
                if (upper, lower) not in refused:
                    first, second = (lower, upper) if upwards else (upper, lower)
                    before[second].append(first)
            xs = _compact(turned, _align(turned, before), widths, gap)
            layouts.append({item: -x for item, x in xs.items()} if leftwards else xs)
    return _balance(layouts, widths)


def _conflicts(rows: Rows, segments: Sequence[Segment], bends: Set[int]) -> set[Segment]:
    """Return the segments that cross one inside of a long arrow, which is to be straight."""
    at = {item: place for row in rows for place, item in enumerate(row)}
    row_of = {item: number for number, row in enumerate(rows) for item in row}
    by_row: dict[int, list[Segment]] = defaultdict(list)
    for segment in segments:
        by_row[row_of[segment[0]]].append(segment)
    refused: set[Segment] = set()
    for gap in by_row.values():
        for one in gap:
            if one in refused or not (one[0] in bends and one[1] in bends):
                continue
            refused.update(
                other for other in gap if (at[one[0]] - at[other[0]]) * (at[one[1]] - at[other[1]]) < 0
            )
    return refused


def _align(rows: Rows, before: Mapping[int, list[int]]) -> dict[int, int]:
    """Return item -> the first item of its block: items that stand exactly below each other."""
    root = {item: item for row in rows for item in row}
    at = {item: place for row in rows for place, item in enumerate(row)}
    for row in rows:
        last = -1
        for item in row:
            found = sorted(before.get(item, ()), key=lambda one: at[one])
            middles = found[(len(found) - 1) // 2 : len(found) // 2 + 1]
            for one in middles:
                if root[item] == item and at[one] > last:
                    root[item], last = root[one], at[one]
    return root


def _compact(
    rows: Rows, root: Mapping[int, int], widths: Mapping[int, float], gap: float
) -> dict[int, float]:
    """Return item -> x: every block as far left as it can be, then back towards what is right of it."""
    room: dict[int, dict[int, float]] = {one: {} for one in root.values()}
    leading = dict.fromkeys(room, 0)
    for row in rows:
        for left, right in pairwise(row):
            apart = (widths[left] + widths[right]) / 2 + gap
            blocks = room[root[left]]
            leading[root[right]] += root[right] not in blocks
            blocks[root[right]] = max(apart, blocks.get(root[right], 0.0))
    ready = [block for block, count in leading.items() if count == 0]
    xs = dict.fromkeys(room, 0.0)
    for block in ready:  # grows while it is walked
        for right, apart in room[block].items():
            xs[right] = max(xs[right], xs[block] + apart)
            leading[right] -= 1
            if leading[right] == 0:
                ready.append(right)
    for block in reversed(ready):
        if room[block]:
            xs[block] = max(xs[block], min(xs[right] - apart for right, apart in room[block].items()))
    return {item: xs[block] for item, block in root.items()}


def _balance(layouts: list[dict[int, float]], widths: Mapping[int, float]) -> dict[int, float]:
    """Return the mean of the two middle ones of the four layouts, laid over the narrowest."""
    if not layouts[0]:
        return {}
    sides = [
        (
            min(x - widths[item] / 2 for item, x in one.items()),
            max(x + widths[item] / 2 for item, x in one.items()),
        )
        for one in layouts
    ]
    low, high = min(sides, key=lambda side: side[1] - side[0])
    shifts = [high - right if at % 2 else low - left for at, (left, right) in enumerate(sides)]
    middle = {}
    for item in layouts[0]:
        xs = sorted(one[item] + shift for one, shift in zip(layouts, shifts, strict=True))
        middle[item] = (xs[1] + xs[2]) / 2
    left = min(x - widths[item] / 2 for item, x in middle.items())
    return {item: round(x - left, 2) for item, x in middle.items()}
