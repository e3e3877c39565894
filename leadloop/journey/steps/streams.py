"""Which item of a stream a lead gets next; shared by `stream` and `send: {stream}`."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from leadloop.journey.failures import HeldCode
from leadloop.journey.walk import HoldError, Walk
from leadloop.language.plan import Stream, StreamItem


def next_item(walk: Walk, name: str, tried: Collection[str] = ()) -> StreamItem | None:
    """Return the first item that the lead has not had, was not tried, and that it qualifies for.

    Streams are read live. Raises `HoldError` for a stream that is not published.
    """
    stream = walk.facts.streams.get(name)
    if stream is None:
        raise HoldError(f"no stream `{name}` is published", HeldCode.NO_STREAM)
    return next((item for item in _ordered(stream) if _fits(item, walk, tried)), None)


def _ordered(stream: Stream) -> Iterable[StreamItem]:
    return reversed(stream.items) if stream.order == "newest" else stream.items


def _fits(item: StreamItem, walk: Walk, tried: Collection[str]) -> bool:
    if item.template in tried or item.template in walk.facts.had_templates:
        return False
    today = walk.now.astimezone(walk.facts.zone).date()
    if item.from_day is not None and today < item.from_day:
        return False
    if item.until_day is not None and today > item.until_day:
        return False
    return item.when is None or walk.is_true(item.when)
