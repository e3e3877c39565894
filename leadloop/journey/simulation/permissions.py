"""What a simulated lead may be mailed: permissions, refusals, pauses of our own."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from leadloop.conditions import Facts
from leadloop.journey.effects import SuppressTopics
from leadloop.journey.matching import event_matches
from leadloop.journey.simulation.events import SimulatedEvent
from leadloop.language.plan import Workspace

ALL_TOPICS = "*"
_REFUSED = "refused"
_CUSTOMER = "customer"
_AGREED = ("opt_in", "card", "published")
"""Bases that a made-up lead may have given before; `request` and `customer` have to come about."""


@dataclass(frozen=True)
class _Answer:
    topic: str
    basis: str
    at: datetime


@dataclass
class _Pause:
    effect: SuppressTopics
    lifted: bool = False


@dataclass
class Permissions:
    """Answers only grow; a topic may be mailed by a basis that is newer than the newest refusal."""

    workspace: Workspace
    answers: list[_Answer] = field(default_factory=list)
    pauses: list[_Pause] = field(default_factory=list)
    suppressed: bool = False
    """The address bounced, or its owner complained."""

    def agree(self, at: datetime) -> list[str]:
        """Let the lead have agreed to every topic that people can agree to; return their names."""
        agreed: list[str] = []
        for name, topic in self.workspace.topics.items():
            basis = next((one for one in _AGREED if one in topic.basis), None)
            if basis is not None:
                self.answers.append(_Answer(name, basis, at))
                agreed.append(name)
        return agreed

    def allow(self, topic: str, basis: str, at: datetime) -> bool:
        """Write a permission; False where a refusal stands, which only the person can take back."""
        answers = self._about(topic)
        refused_at = self._refused_at(topic)
        if refused_at is not None and not any(
            one.basis != _REFUSED and one.at > refused_at for one in answers
        ):
            return False
        self.answers.append(_Answer(topic, basis, at))
        return True

    def pause(self, effect: SuppressTopics) -> None:
        """Stop mailing topics until an event of `lift_on`."""
        self.pauses.append(_Pause(effect))

    def note(self, event: SimulatedEvent, facts: Facts) -> None:
        """Take in what an event says about permissions."""
        at = event.occurred_at
        if event.type == "unsubscribed":
            self.answers.append(_Answer(str(event.properties.get("topic") or ALL_TOPICS), _REFUSED, at))
        elif event.type == "email_complained" or (
            event.type == "email_bounced" and event.properties.get("kind") == "hard"
        ):
            self.suppressed = True
        basis = {"form_submitted": "request", "card_received": "card"}.get(event.type)
        for name, topic in self.workspace.topics.items():
            if basis is not None and basis in topic.basis:
                self.answers.append(_Answer(name, basis, at))
        for pause in self.pauses:
            if any(event_matches(match, event, facts) for match in pause.effect.lift_on):
                pause.lifted = True

    def refusal(self, topic_name: str, email: bool, customer: bool, now: datetime) -> str | None:
        """Return why a topic must not be mailed now, by the engine's codes; None where it may."""
        if not email:
            return "no_address"
        if self.suppressed:
            return "suppressed"
        topic = self.workspace.topics.get(topic_name)
        if topic is None:
            return "unknown_topic"
        paused = [one.effect for one in self.pauses if not one.lifted]
        if any(topic_name in one.topics or ALL_TOPICS in one.topics for one in paused):
            return "suppressed_topic"
        refused_at = self._refused_at(topic_name)
        given = {
            one.basis
            for one in self._about(topic_name)
            if one.at <= now and (refused_at is None or one.at > refused_at)
        }
        if customer and refused_at is None:
            given.add(_CUSTOMER)
        if any(basis in given for basis in topic.basis):
            return None
        return "no_consent" if refused_at is None else "unsubscribed"

    def _about(self, topic: str) -> list[_Answer]:
        return [one for one in self.answers if one.topic in (topic, ALL_TOPICS)]

    def _refused_at(self, topic: str) -> datetime | None:
        return max((one.at for one in self._about(topic) if one.basis == _REFUSED), default=None)
