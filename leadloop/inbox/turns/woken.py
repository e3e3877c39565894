"""Between the applier and the relay of a process: the turns of journeys that the applier has just woken.

The applier takes them right after the events that made them possible, and the relay sends the answers
with the wakes. Nothing depends on it: a wake that another process sends has no answer with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta

from sqlmodel import col, select

from leadloop.contracts import TurnRequest, WakeSignal
from leadloop.inbox.relaying.wakes import WAKES
from leadloop.inbox.turns.ahead import TurnsAhead
from leadloop.storage.tables import Enrolment

_PATIENCE = timedelta(milliseconds=20)
"""How long a turn waits for what somebody else has locked: events must not wait behind it."""
_KEPT = 1000
"""Answers whose wakes are to be sent."""


class WokenJourneys:
    """Takes the turns of journeys that are woken. For one applier and one relay, a thread each.

    On real time only: an answer carries the instant at which it was given.
    """

    def __init__(self, turns: TurnsAhead) -> None:
        self._turns = turns
        self._expected: dict[str, str] = {}
        self._answers: dict[str, WakeSignal] = {}

    def expect(self, journeys: Mapping[str, str]) -> None:
        """Say which journeys are woken, by the token of their wake, before that is committed."""
        self._expected = dict(journeys)

    def take(self) -> None:
        """Take the turns of the journeys that were expected, whether their wakes were committed or undone.

        Raises what says that the database is away.
        """
        if not self._expected:
            return
        database = self._turns.env.database
        try:
            if len(self._answers) > _KEPT:  # others have sent the wakes
                self._answers.clear()
            tokens = {enrolment_id: token for token, enrolment_id in self._expected.items()}
            for enrolment_id, generation, head in self._heads(tokens):
                request = TurnRequest(
                    enrolment_id=enrolment_id,
                    generation=generation,
                    turn_no=head + 1,
                    now=self._turns.env.clock.now(),
                )
                reply = self._turns.take(request, _PATIENCE)
                token = tokens[enrolment_id]
                if reply is not None:
                    self._answers[token] = WakeSignal(generation=generation, turn=reply)
                del self._expected[token]
                database.tell(WAKES)
        finally:
            self._expected = {}

    def is_expected(self, token: str) -> bool:
        """Return whether this wake's turn is about to be taken, so that its answer is worth waiting for."""
        return token in self._expected

    def signal(self, token: str) -> WakeSignal:
        """Return what to send for a wake, once with its answer. A journey woken anew has another token."""
        return self._answers.pop(token, WakeSignal())

    def _heads(self, enrolment_ids: Iterable[str]) -> Sequence[tuple[str, int, int]]:
        """Return id, generation and the last turn of journeys."""
        heads = select(Enrolment.id, Enrolment.generation, Enrolment.turn_no)
        with self._turns.env.database.read() as session:
            return session.exec(heads.where(col(Enrolment.id).in_(enrolment_ids))).all()
