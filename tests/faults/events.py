"""Events as clients post them."""

from __future__ import annotations

from typing import Any

from leadloop.inbox.ingestion.ingest import IncomingEvent


def visit(name: str, event_id: str) -> dict[str, Any]:
    """Return a page view of one lead, as JSON: 3 points."""
    return {
        "type": "page_viewed",
        "email": f"{name}@kaisha.example",
        "properties": {"path": "/"},
        "id": event_id,
    }


def form(name: str, family_name: str = "山田", event_id: str | None = None) -> IncomingEvent:
    """Return a submitted form that starts the nurture."""
    return IncomingEvent(
        "form_submitted",
        properties={"form": "whitepaper"},
        email=f"{name}@kaisha.example",
        identity={"family_name": family_name, "consent": True},
        external_id=event_id,
        source="form",
        trust="verified",
    )
