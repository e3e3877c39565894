"""What `leadloop try` lets a person decide, read from its options and checked against the scenario."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from leadloop.journey.simulation.choices import OVERDUE, Choices, Deed
from leadloop.journey.simulation.draws import arms_of, experiments
from leadloop.language.builtins import ENGINE_EVENTS, MESSAGE_EVENTS
from leadloop.language.plan import HandOffStep, Plan, Publication, Span, TaskStep
from leadloop.language.plan import Unit as SpanUnit
from leadloop.language.suggest import Suggestion
from leadloop.leads.values import ValueProblemError, read_declared

_AFTER = re.compile(r"(\d{1,4})([mhdw])")
_AT = re.compile(r"([01]\d|2[0-3]):[0-5]\d")
_UNITS: Mapping[str, SpanUnit] = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_ENDS = ("won", "lost", "rejected", "expired")
_BY_ITSELF = frozenset(
    {
        "lead_created", "email_sent", "subscribed", "handed_off", "stage_changed", "band_changed",
        "score_crossed", "segment_entered", "segment_left", "record_changed",
    }
)  # fmt: skip
_EXAMPLE = "write `--do 'DAY EVENT name=value …'`, for example `--do '3d form_submitted form=contact'`"


class TryOptionError(Exception):
    """An option that does not fit the scenario. The message says what is known instead."""


@dataclass(frozen=True)
class Given:
    """The options as they are written."""

    do: Sequence[str] = ()
    task: str | None = None
    outcome: Sequence[str] = ()
    arm: Sequence[str] = ()
    winner: Sequence[str] = ()
    webhook_fails: bool = False
    entry: int | None = None
    lead: Path | None = None


def read_choices(publication: Publication, plan: Plan, given: Given) -> Choices:
    """Return the choices of a simulation. Raises `TryOptionError`; for a lead file also `OSError`."""
    entries = len(plan.entry)
    if given.entry is not None and not 1 <= given.entry <= entries:
        raise TryOptionError(
            f"--entry {given.entry}: {plan.scenario} has {_count(entries, 'entry', 'entries')}"
        )
    if given.webhook_fails and all(step.kind != "webhook" for step in plan.steps.values()):
        raise TryOptionError(f"--webhook-fails: {plan.scenario} has no `webhook` step")
    return Choices(
        deeds=tuple(_deed(publication, plan, text) for text in given.do),
        outcomes=_outcomes(plan, given.outcome),
        task_outcome=_task_outcome(plan, given.task),
        arms=_arms(plan, "--arm", given.arm, with_all=True),
        winners=_arms(plan, "--winner", given.winner, with_all=False),
        webhook_fails=given.webhook_fails,
        entry=given.entry - 1 if given.entry is not None else None,
        lead=_lead(publication, given.lead),
    )


# --- what happens


def _deed(publication: Publication, plan: Plan, text: str) -> Deed:
    where = f"--do '{text}'"
    try:
        words = shlex.split(text)
    except ValueError:
        raise TryOptionError(f"{where}: a quote is not closed") from None
    after = _AFTER.fullmatch(words[0]) if words else None
    if after is None:
        raise TryOptionError(f"{where}: begin with the time after the entry: 30m, 12h, 3d, 2w; {_EXAMPLE}")
    rest = words[1:]
    at = rest.pop(0) if rest and _AT.fullmatch(rest[0]) else None
    if not rest:
        raise TryOptionError(f"{where}: name an event; {_EXAMPLE}")
    event, *pairs = rest
    _check_event(publication, event, where)
    properties, of = _properties(publication, plan, event, pairs, where)
    return Deed(Span(amount=int(after[1]), unit=_UNITS[after[2]]), event, properties, at, of)


def _check_event(publication: Publication, event: str, where: str) -> None:
    if event in ENGINE_EVENTS or event in _BY_ITSELF:
        raise TryOptionError(
            f"{where}: `{event}` comes about by itself; play what leads to it, such as a form or a visit"
        )
    declared = publication.workspace.events
    if event not in declared:
        known = [name for name in declared if name not in _BY_ITSELF]
        raise TryOptionError(f"{where}: there is no event `{event}`; {Suggestion(event, known)}")


def _properties(
    publication: Publication, plan: Plan, event: str, pairs: Iterable[str], where: str
) -> tuple[dict[str, Any], str | None]:
    declared = publication.workspace.events[event]
    found: dict[str, Any] = {}
    of: str | None = None
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals:
            raise TryOptionError(f"{where}: write `{name}=VALUE`")
        if name == "of" and event in MESSAGE_EVENTS and "of" not in declared:
            of = _mail_step(plan, text, where)
            continue
        if name not in declared:
            raise TryOptionError(f"{where}: `{event}` has no property `{name}`; {Suggestion(name, declared)}")
        try:
            found[name] = read_declared(text, declared[name])
        except ValueProblemError as error:
            hint = f"; {Suggestion(text, declared[name].values)}" if declared[name].values else ""
            raise TryOptionError(f"{where}: `{name}`: {error}{hint}") from None
    return found, of


def _mail_step(plan: Plan, name: str, where: str) -> str:
    mails = [step.id for step in plan.steps.values() if step.kind in ("send", "stream")]
    if name not in mails:
        raise TryOptionError(
            f"{where}: no step `{name}` of {plan.scenario} sends a mail; {Suggestion(name, mails)}"
        )
    return name


# --- how tasks and hand-offs end


def _outcomes(plan: Plan, texts: Iterable[str]) -> dict[str, tuple[str, ...]]:
    known = {step.id: _ways(step) for step in plan.steps.values() if isinstance(step, TaskStep | HandOffStep)}
    found: dict[str, tuple[str, ...]] = {}
    for text in texts:
        step, equals, ways = text.partition("=")
        where = f"--outcome {text}"
        if not equals or not ways:
            raise TryOptionError(
                f"{where}: write `STEP=OUTCOME`, or `STEP=FIRST,SECOND` for one try after another"
            )
        if step not in known:
            raise TryOptionError(
                f"{where}: no step `{step}` is a task or a hand_off; {Suggestion(step, known)}"
            )
        for way in ways.split(","):
            if way not in known[step]:
                raise TryOptionError(
                    f"{where}: `{step}` has no outcome `{way}`; {Suggestion(way, known[step])}"
                )
        found[step] = tuple(ways.split(","))
    return found


def _ways(step: TaskStep | HandOffStep) -> tuple[str, ...]:
    return _ENDS if isinstance(step, HandOffStep) else (*step.outcomes, OVERDUE)


def _task_outcome(plan: Plan, outcome: str | None) -> str | None:
    if outcome is None:
        return None
    tasks = [step for step in plan.steps.values() if isinstance(step, TaskStep)]
    known = sorted({one for step in tasks for one in step.outcomes})
    if outcome not in known:
        raise TryOptionError(f"--task {outcome}: no task has this outcome; {Suggestion(outcome, known)}")
    return outcome


# --- experiments


def _arms(plan: Plan, option: str, texts: Iterable[str], *, with_all: bool) -> dict[str, str]:
    """Read `NAME` or `STEP=NAME`: which arm is drawn, or which one wins."""
    known = {
        step.id: arms_of(step) if with_all else [one.name for one in step.variants]
        for step in experiments(plan)
    }
    found: dict[str, str] = {}
    for text in texts:
        step, equals, name = text.partition("=")
        where = f"{option} {text}"
        if not known:
            raise TryOptionError(f"{where}: {plan.scenario} has no `experiment` step")
        if equals and step not in known:
            raise TryOptionError(f"{where}: no step `{step}` is an experiment; {Suggestion(step, known)}")
        arm, steps = (name, [step]) if equals else (text, list(known))
        mine = [one for one in steps if arm in known[one]]
        if not mine:
            arms = {one for which in steps for one in known[which]}
            raise TryOptionError(f"{where}: there is no arm `{arm}`; {Suggestion(arm, arms)}")
        found.update(dict.fromkeys(mine, arm))
    return found


# --- the lead


def _lead(publication: Publication, path: Path | None) -> dict[str, Any] | None:
    if path is None:
        return None
    from leadloop.cli.lead_files import LeadFileError, read_lead_file

    try:
        lead = read_lead_file(path, publication)
    except LeadFileError as error:
        raise TryOptionError(str(error)) from None
    checks: list[tuple[str, Collection[str], Callable[[Any], Collection[str]]]] = [
        ("stage", publication.lifecycle.stages, lambda value: (value,)),
        ("tags", publication.workspace.tags, lambda value: value),
    ]
    for name, known, values in checks:
        for value in values(lead[name]) if name in lead else ():
            if value not in known:
                raise TryOptionError(f"{path}: `{name}`: there is no `{value}`; {Suggestion(value, known)}")
    return lead


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
