"""Every route of the application, through the routers that it includes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from fastapi import FastAPI


def routes_of(app: FastAPI) -> Iterator[tuple[str, str]]:
    """Yield method and path of each route, as declared; mounted folders as GET."""
    yield from _walk(app.routes)


def _walk(routes: Sequence[Any]) -> Iterator[tuple[str, str]]:
    for route in routes:
        if hasattr(route, "original_router"):
            yield from _walk(route.original_router.routes)
        elif hasattr(route, "routes") and route.routes:
            raise AssertionError("a mounted application has routes of its own: walk it too")
        else:
            for method in getattr(route, "methods", None) or {"GET"}:
                if method != "HEAD":
                    yield method, route.path
