"""Plays an example in the model and in the real engine, and compares them after everything that happens."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable
from contextlib import nullcontext
from datetime import datetime, timedelta
from pathlib import Path

from leadloop.language.plan import ManualMatch, Publication
from tests.factories import NOW
from tests.language.workspaces import compiled
from tests.model import versions
from tests.model.actions import (
    Action,
    Answer,
    Cancel,
    Confuse,
    Drawn,
    Edit,
    Enrol,
    Erase,
    Event,
    Example,
    Finish,
    Kill,
    KillSender,
    LoseWakes,
    MailServer,
    Migrate,
    Pause,
    PauseScenario,
    Put,
    Rebuild,
    Resume,
    Retry,
    StopMails,
    UntilDue,
    Wait,
)  # fmt: skip
from tests.model.comparing import check_agreement, check_invariants
from tests.model.editing import edited
from tests.model.engine import Engine, source_of
from tests.model.hazards import MortalDatabase, counted_ids
from tests.model.journey import Journey
from tests.model.lead import Fact, Lead
from tests.model.selling import report
from tests.model.workspace import files
from tests.model.world import World

BY_PERSON = ("form", "tracking")
HORIZON = timedelta(days=400)


MakeEngine = Callable[[MortalDatabase, Publication, bool], Engine]


class Play:
    """One example, played by both."""

    def __init__(self, database: MortalDatabase, example: Example, make: MakeEngine) -> None:
        self.drawn, self.edits = example.drawn, 0
        publication = publication_of(self.drawn)
        self.engine = engine = make(database, publication, example.opted_in)
        lead = Lead(engine.lead_id, publication, NOW, engine.email)
        if example.opted_in:
            lead.answer("nurture", "opt_in", NOW)
        self.world = World(lead, NOW, engine.name_of, engine.verdict)
        self.quiet_since: Counter[str] | None = None
        """What had been handed over when the lead was erased."""

    def run(self, example: Example) -> None:
        for action in (Event("lead_created"), *example.actions):
            self.act(action)
            self.rest()
        check_invariants(self.engine)

    def act(self, action: Action) -> None:
        engine, world = self.engine, self.world
        match action:
            case Event():
                key = engine.happen(action)
                if key is not None:
                    world.happen(fact_of(action, key or None, world))
            case Enrol():
                entries = world.publication.plans[action.scenario].entry
                if any(isinstance(one.match, ManualMatch) for one in entries):
                    engine.enrol(action.scenario)
                    world.enrol(action.scenario)
            case Put():
                engine.put(action.seminar, action.starts_at)
                world.put_record(action.seminar, action.starts_at)
            case Answer():
                key = engine.answer(action)
                if key is not None:
                    report(world, Fact(f"handoff_{action.says}", {"offer": key}, world.now))
            case Finish():
                done = engine.finish(action)
                if done is not None:
                    properties, answers = done
                    report(world, Fact("task_done", properties, world.now, identity=answers))
            case Wait():
                self.wait(timedelta(hours=action.hours))
            case UntilDue():
                due = engine.next_due()
                if due is not None and due - NOW < HORIZON:
                    self.advance(due)
            case Kill():
                engine.database.kill_at(action.transaction, action.when)
            case KillSender():
                engine.kill_sender_at(action.point)
            case MailServer():
                engine.server.plans.append(action.does)
            case Confuse():
                engine.confuse()
            case Rebuild():
                engine.rebuild()
            case Pause():
                self.on_journey(
                    action.number,
                    lambda name: engine.pause(name, action.clock),
                    lambda journey: world.pause(journey, action.clock),
                )
            case Resume():
                self.on_journey(action.number, engine.resume, world.resume)
            case Cancel():
                self.on_journey(action.number, engine.cancel, world.cancel)
            case Retry():
                self.on_journey(action.number, engine.retry, world.retry)
            case Edit():
                self.edits += 1
                drawn = edited(self.drawn, self.edits, action)
                publication = publication_of(drawn)
                refused = versions.is_refused(world, publication) and not action.overtaken
                assert engine.publish(publication, action.overtaken) is not refused, "published or refused"
                if not refused:
                    self.drawn = drawn
                    versions.publish(world, publication)
            case Migrate():
                names = versions.unmapped(world, action.to)
                engine.migrate(names)
                versions.migrate(world, names)
            case PauseScenario():
                engine.pause_scenario(action.scenario, action.clock)
                world.pause_scenario(action.scenario, action.clock)
            case Erase():
                engine.erase()
                world.erase()
                self.quiet_since = engine.server.taken.copy()
            case LoseWakes():
                engine.lose_wakes()
            case StopMails():
                self.stop_mails(True)
                self.wait(timedelta(minutes=action.minutes))
                self.stop_mails(False)

    def on_journey(
        self, number: int, in_engine: Callable[[str], None], in_model: Callable[[Journey], None]
    ) -> None:
        """Do something to the n-th open journey, where there is one."""
        name = self.engine.open_journey(number)
        if name is not None:
            in_engine(name)
            self.world.apply_inbox()
            in_model(next(one for one in self.world.journeys if one.id == name))

    def stop_mails(self, stop: bool) -> None:
        self.engine.stop_mails(stop)
        self.world.stop_mails(stop)

    def wait(self, time: timedelta) -> None:
        """Let time pass, from one instant at which the engine has something to do to the next."""
        until = self.engine.clock.now() + time
        while (due := self.engine.next_due()) is not None and due < until:
            self.advance(due)
            self.rest()
        self.advance(until)

    def advance(self, to: datetime) -> None:
        self.engine.advance(to)
        self.world.advance(to)

    def rest(self) -> None:
        self.engine.rest()
        self.world.rest()
        check_agreement(self.engine, self.world)
        assert self.quiet_since in (None, self.engine.server.taken), "an erased lead was mailed"


def fact_of(event: Event, send_key: str | None, world: World) -> Fact:
    return Fact(
        event.type,
        dict(event.properties),
        world.now,
        send_key=send_key,
        by_person=source_of(event.type) in BY_PERSON,
        identity=dict(event.identity),
    )


def publication_of(drawn: Drawn) -> Publication:
    with tempfile.TemporaryDirectory() as folder:
        return compiled(Path(folder), files(drawn)).require()


def play(database: MortalDatabase, example: Example, make: MakeEngine = Engine) -> None:
    """Play one example; raise `AssertionError` at the first difference.

    Workflows of one server need ids that no other example has; functions alone do not.
    """
    with counted_ids() if make is Engine else nullcontext():
        one = Play(database, example, make)
        try:
            one.run(example)
        finally:
            one.engine.close()
