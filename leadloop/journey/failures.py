"""Why a mail or a call failed, as its row says it: which failures a person must look at.

A refusal of one address is a fact about one lead, and the journey goes on. A template that cannot be
rendered, a server that is down or refuses everything, an address of a webhook that is wrong: these
are nobody's decision, and holding the journey is the only way to lose nothing. Where the author wrote
`on_fail`, that is a decision.
"""

from __future__ import annotations

from enum import StrEnum

GAVE_UP = "gave_up"
"""It was tried again for the whole of its retry schedule."""
REFUSED = "refused"
"""The mail server refuses the sender or the content, not the recipient."""
RENDER = "render_"
"""The template could not be rendered."""
BAD_HEADER = "bad_header"


class HeldCode(StrEnum):
    """Why a journey is held, in a word: for metrics and alerts, which must not carry free text."""

    CONDITION_FAILED = "condition_failed"
    UNKNOWN_DATE = "unknown_date"
    LOST_STEP = "lost_step"
    LOOP = "loop"
    NO_STREAM = "no_stream"
    MAIL_FAILED = "mail_failed"
    CALL_FAILED = "call_failed"
    TURN_FAILED = "turn_failed"
    RESTORED = "restored"
    OTHER = "other"
    """A defect: what should not happen has no word of its own."""


_TO_LOOK_AT = (GAVE_UP, REFUSED, RENDER, BAD_HEADER)


def needs_a_person(reason: str | None) -> bool:
    """Return whether a mail failed for a reason that is not the lead's own."""
    return (reason or "").startswith(_TO_LOOK_AT)
