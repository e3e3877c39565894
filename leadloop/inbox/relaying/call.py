"""What the relay asks of Temporal for one journey."""

from __future__ import annotations

from dataclasses import dataclass

from temporalio.common import Priority

from leadloop.contracts import WakeSignal


@dataclass(frozen=True)
class Call:
    """Start or wake the workflow of one journey."""

    enrolment_id: str
    scenario: str
    generation: int
    turn_no: int
    """The last turn that was taken."""
    token: str | None
    """Of the wake; None where none was asked for."""
    restart: bool
    finished: bool
    """The journey has taken its last turn."""
    attributes: dict[str, str]
    details: str
    priority: Priority
    signal: WakeSignal

    @property
    def first_turn(self) -> int:
        """Return the turn that a workflow is to ask for that begins with this call."""
        return self.signal.turn.turn_no if self.signal.turn is not None else self.turn_no + 1
