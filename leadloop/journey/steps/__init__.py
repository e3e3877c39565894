"""One handler per step type, found by the same noun as in the language.

A handler has two methods. `enter` begins the step; `resume` goes on when what the step waited
for has come. Both return a `Target` (go there in this turn), `Again` (go there once the effects
are applied), or a `Stop` (the turn ends here).
"""

from __future__ import annotations

from typing import Any, Protocol

from leadloop.journey.state import Again, Cause, Stop
from leadloop.journey.steps.await_ import AwaitHandler
from leadloop.journey.steps.enrol import EnrolHandler
from leadloop.journey.steps.exit import ExitHandler
from leadloop.journey.steps.experiment import ExperimentHandler
from leadloop.journey.steps.go import GoHandler
from leadloop.journey.steps.hand_off import HandOffHandler
from leadloop.journey.steps.if_ import IfHandler
from leadloop.journey.steps.notify import NotifyHandler
from leadloop.journey.steps.record import RecordHandler
from leadloop.journey.steps.recycle import RecycleHandler
from leadloop.journey.steps.repeat import AgainHandler, RepeatHandler
from leadloop.journey.steps.score import ScoreHandler
from leadloop.journey.steps.send import SendHandler
from leadloop.journey.steps.set_ import SetHandler
from leadloop.journey.steps.stage import StageHandler
from leadloop.journey.steps.stream import StreamHandler
from leadloop.journey.steps.subscribe import SubscribeHandler
from leadloop.journey.steps.suppress import SuppressHandler
from leadloop.journey.steps.switch import SwitchHandler
from leadloop.journey.steps.tag import TagHandler, UntagHandler
from leadloop.journey.steps.task import TaskHandler
from leadloop.journey.steps.unsubscribe import UnsubscribeHandler
from leadloop.journey.steps.wait import WaitHandler
from leadloop.journey.steps.webhook import WebhookHandler
from leadloop.journey.walk import Walk
from leadloop.language.plan import Target


class StepHandler(Protocol):
    """What the walk asks of a step type."""

    def enter(self, step: Any, walk: Walk) -> Target | Again | Stop: ...

    def resume(self, step: Any, walk: Walk, cause: Cause) -> Target | Again | Stop: ...


HANDLERS: dict[str, StepHandler] = {
    "send": SendHandler(),
    "wait": WaitHandler(),
    "await": AwaitHandler(),
    "if": IfHandler(),
    "switch": SwitchHandler(),
    "experiment": ExperimentHandler(),
    "score": ScoreHandler(),
    "set": SetHandler(),
    "tag": TagHandler(),
    "untag": UntagHandler(),
    "stage": StageHandler(),
    "subscribe": SubscribeHandler(),
    "unsubscribe": UnsubscribeHandler(),
    "suppress": SuppressHandler(),
    "record": RecordHandler(),
    "enrol": EnrolHandler(),
    "stream": StreamHandler(),
    "hand_off": HandOffHandler(),
    "recycle": RecycleHandler(),
    "task": TaskHandler(),
    "notify": NotifyHandler(),
    "webhook": WebhookHandler(),
    "repeat": RepeatHandler(),
    "again": AgainHandler(),
    "go": GoHandler(),
    "exit": ExitHandler(),
}
