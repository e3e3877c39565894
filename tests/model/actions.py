"""What may happen in an example: to the lead, to the processes, by people who run leadloop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class Event:
    """Something that the lead or sales does. `of` is the number of the mail it is about."""

    type: str
    properties: tuple[tuple[str, Any], ...] = ()
    identity: tuple[tuple[str, Any], ...] = ()
    of: int | None = None
    twice: bool = False
    """The client got no answer and posts it again with the same id."""


@dataclass(frozen=True)
class Put:
    """Somebody reports when a seminar is."""

    seminar: str
    starts_at: str


@dataclass(frozen=True)
class Answer:
    """Sales answers an offer, the n-th one."""

    number: int
    says: Literal["accepted", "rejected", "working"]


@dataclass(frozen=True)
class Finish:
    """Somebody reports what came of a task, the n-th one."""

    number: int
    outcome: str
    answers: tuple[tuple[str, Any], ...] = ()
    date: str | None = None


@dataclass(frozen=True)
class Enrol:
    """Somebody enrols the lead by hand."""

    scenario: Literal["welcome", "other"] = "welcome"


@dataclass(frozen=True)
class Wait:
    """Time passes."""

    hours: int


@dataclass(frozen=True)
class UntilDue:
    """Time passes until the engine has something to do."""


@dataclass(frozen=True)
class Kill:
    """The process dies at the n-th transaction from now: before or after its commit."""

    transaction: int
    when: Literal["before", "after"]


@dataclass(frozen=True)
class KillSender:
    """The process dies at a point of the next mail's way."""

    point: str


@dataclass(frozen=True)
class MailServer:
    """The mail server does this with the next mail that it is given."""

    does: Literal["refuse", "refuse_address", "lose", "be_busy"]


@dataclass(frozen=True)
class Confuse:
    """Wakes come twice and late: old turns, turns too early, turns of a run that is over."""


@dataclass(frozen=True)
class Rebuild:
    """Somebody has all workflows started anew, with a higher generation."""


@dataclass(frozen=True)
class Pause:
    """Somebody pauses an open journey, the n-th one; its wait goes on, freezes, or begins anew."""

    number: int
    clock: Literal["run", "freeze", "restart"]


@dataclass(frozen=True)
class Resume:
    """Somebody lets an open journey go on, the n-th one."""

    number: int


@dataclass(frozen=True)
class Cancel:
    """Somebody ends an open journey, the n-th one."""

    number: int


@dataclass(frozen=True)
class Retry:
    """Somebody lets an open journey try again, the n-th one, where it is held."""

    number: int


@dataclass(frozen=True)
class Edit:
    """Somebody publishes the scenario with other times and one more step."""

    on_edit: Literal["stay", "move", "finish", "exit"]
    renames: Literal["nothing", "mapped", "elsewhere", "lost"] = "nothing"
    """One of its steps has another name: it is mapped, mapped to a step of its own kind or not, or not
    mapped at all."""
    step: int = 0
    """Which one."""
    overtaken: bool = False
    """People come to the step that is gone just after it was looked whether somebody is there."""


@dataclass(frozen=True)
class Migrate:
    """Somebody moves people to the newest version; who is on a step that is gone goes to the n-th one."""

    to: int


@dataclass(frozen=True)
class PauseScenario:
    """Somebody pauses a scenario, or lets it go on (`clock` is None)."""

    scenario: Literal["welcome", "other"]
    clock: Literal["run", "freeze", "restart"] | None


@dataclass(frozen=True)
class Erase:
    """The person is erased."""


@dataclass(frozen=True)
class LoseWakes:
    """The next wakes get lost; only the sweeper finds the journeys then."""


@dataclass(frozen=True)
class StopMails:
    """Somebody stops all mails for some minutes."""

    minutes: int


Action = (
    Event
    | Put
    | Answer
    | Finish
    | Enrol
    | Wait
    | UntilDue
    | Kill
    | KillSender
    | MailServer
    | Confuse
    | Rebuild
    | LoseWakes
    | StopMails
    | Pause
    | Resume
    | Cancel
    | Retry
    | Edit
    | Migrate
    | PauseScenario
    | Erase
)


@dataclass(frozen=True)
class Drawn:
    """What is published: the scenarios as they are written, and the caps on mails."""

    welcome: dict[str, Any]
    other: dict[str, Any] | None
    """None for a small one that begins by hand only."""
    caps: dict[str, str]


@dataclass(frozen=True)
class Example:
    """One example: the workspace, whether the lead has opted in, what happens."""

    drawn: Drawn
    opted_in: bool
    actions: tuple[Action, ...]
