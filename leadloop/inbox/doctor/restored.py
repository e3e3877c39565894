"""Check of the watermark: this is the newest database of its workspace."""

from __future__ import annotations

from leadloop.inbox.doctor.view import Found, View
from leadloop.inbox.recovery.restored import describe_gate


def newest_database(view: View) -> Found:
    """This database is not an older copy of what has run its workspace."""
    gate = describe_gate(view.session)
    if gate is None:
        return 1, []
    known, found = gate["known"], gate["found"]
    return 1, [
        f"{gate['text']} ({found['handed_over']} messages handed over, {known['handed_over']} known); "
        "nothing is sent until `leadloop recover --accept-restore`"
    ]


CHECKS = (newest_database,)
