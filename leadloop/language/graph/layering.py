"""Which row each node is in: every arrow goes down, but for those of loops and to earlier lanes.

The first step of a layered drawing (Sugiyama, Tagawa, Toda 1981). Lanes are bands of rows, one
below the other, so a row has nodes of one lane.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple


class Layering(NamedTuple):
    """Node -> row, from 0 at the top; and the arrows (by position) that go up or to their own node."""

    rows: dict[str, int]
    back: frozenset[int]


def layer(nodes: Mapping[str, int], arrows: Sequence[tuple[str, str]], loose: frozenset[str]) -> Layering:
    """Return the rows of nodes, given as node -> lane number.

    Rows are as high up as the arrows allow; `loose` nodes, which nothing leads to, stand directly
    above the node they lead to instead.
    """
    back = _back_arrows(nodes, arrows)
    following: dict[str, list[str]] = defaultdict(list)
    leading = dict.fromkeys(nodes, 0)
    for at, (source, target) in enumerate(arrows):
        if at not in back and nodes[source] == nodes[target]:
            following[source].append(target)
            leading[target] += 1
    rows: dict[str, int] = {}
    first = 0
    for lane in sorted(set(nodes.values())):
        members = [node for node in nodes if nodes[node] == lane]
        rows.update(dict.fromkeys(members, first))
        ready = [node for node in members if leading[node] == 0]
        for node in ready:  # grows while it is walked
            for target in following[node]:
                rows[target] = max(rows[target], rows[node] + 1)
                leading[target] -= 1
                if leading[target] == 0:
                    ready.append(target)
        first = 1 + max(rows[node] for node in members)
    for node in loose:
        below = [rows[target] for target in following[node]]
        rows[node] = min(below) - 1 if below else rows[node]
    return Layering(rows, back)


def _back_arrows(nodes: Mapping[str, int], arrows: Sequence[tuple[str, str]]) -> frozenset[int]:
    """Return the arrows to earlier lanes, and those that close a loop on the way from the first node."""
    back = {at for at, (source, target) in enumerate(arrows) if nodes[source] > nodes[target]}
    following: dict[str, list[int]] = defaultdict(list)
    for at, (source, _) in enumerate(arrows):
        if at not in back:
            following[source].append(at)
    done: set[str] = set()
    for start in nodes:
        if start in done:
            continue
        path = {start}
        stack = [(start, iter(following[start]))]
        while stack:
            node, ways = stack[-1]
            way = next(ways, None)
            if way is None:
                stack.pop()
                path.discard(node)
                done.add(node)
                continue
            target = arrows[way][1]
            if target in path:
                back.add(way)
            elif target not in done:
                path.add(target)
                stack.append((target, iter(following[target])))
    return frozenset(back)
