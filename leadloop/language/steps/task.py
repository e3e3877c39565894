"""`task`: work for a person, with outcomes that lead on."""

from __future__ import annotations

from leadloop.language import builtins
from leadloop.language.fields import Fields, known_name, named
from leadloop.language.nodes import Mapping
from leadloop.language.plan import Retry, Target, TaskStep
from leadloop.language.steps.building import StepSite, required_map
from leadloop.language.steps.people import read_assignee
from leadloop.language.steps.set_ import OTHERWISE

OWNERS = ("owner", "last_owner")
TASK_TYPES = ("call", "visit", "post", "other")
MOST_TIMES = 100


def read_task(site: StepSite) -> TaskStep | None:
    """`task: {type: call, to: …, else: QUEUE, title: …, due: …, outcomes: […], on_<outcome>: …, asks: […],
    asks_date: true, retry: {on: […], max: 3, every: …}, on_overdue: TARGET | {notify: ADDRESS}}`."""
    fields = site.body("task")
    if fields is None:
        return None
    kind = fields.choice("type", TASK_TYPES, "type: call")
    to, otherwise = read_assignee(site, fields, OWNERS, addresses=True)
    title = fields.text("title") or ""
    due = fields.span("due", "due: 1 business day")
    outcomes = _outcomes(site, fields)
    targets = {name: site.on(fields, f"on_{name}") for name in outcomes}
    asks = _asks(site, fields)
    asks_date = fields.boolean("asks_date") or False
    retry = _retry(site, fields, outcomes)
    on_overdue, notify_overdue = _overdue(site, fields)
    fields.finish()
    if kind is None or to is None or due is None or not outcomes:
        return None
    return TaskStep.model_validate(
        {
            **site.base,
            "type": kind,
            "to": to,
            "otherwise": otherwise,
            "task_title": title,
            "due": due,
            "outcomes": outcomes,
            "on": targets,
            "asks": asks,
            "asks_date": asks_date,
            "retry": retry,
            "on_overdue": on_overdue,
            "notify_overdue": notify_overdue,
        }
    )


def _outcomes(site: StepSite, fields: Fields) -> list[str]:
    outcomes: list[str] = []
    for node in fields.sequence("outcomes", "outcomes: [connected, absent]"):
        name = named(site.report, node, "an outcome")
        if name == "overdue":
            site.report.add(
                "SCN109",
                node.place,
                name=name,
                what="an outcome",
                fix="`on_overdue` says what happens when nobody did it in time",
            )
        elif name in outcomes:
            site.report.add(
                "SCN112", node.place, problem=f"the outcome `{name}` is written twice", fix="remove one"
            )
        elif name is not None:
            outcomes.append(name)
    return outcomes


def _asks(site: StepSite, fields: Fields) -> list[str]:
    """Return the fields of the lead that are asked for: those a `set` could write."""
    declared = {**builtins.LEAD_FIELDS, **site.building.vocabulary.workspace.lead_fields}
    writable = [name for name in declared if name not in OTHERWISE]
    names = [known_name(site.report, node, "lead field", writable) for node in fields.sequence("asks")]
    return list(dict.fromkeys(name for name in names if name is not None))


def _retry(site: StepSite, fields: Fields, outcomes: list[str]) -> Retry | None:
    node = fields.take("retry")
    settings = None if node is None else required_map(site, node, "`retry`")
    if settings is None:
        return None
    written = settings.sequence("on", "on: [absent]")
    on = [known_name(site.report, one, "outcome", outcomes) for one in written]
    most = settings.integer("max", 2, MOST_TIMES, "max: 3")
    every = settings.span("every", "every: 3 business hours")
    settings.finish()
    if most is None or every is None or not on or None in on:
        return None
    return Retry(on=tuple(one for one in on if one is not None), max=most, every=every)


def _overdue(site: StepSite, fields: Fields) -> tuple[Target | None, str | None]:
    """Return where an overdue task leads, and who is told; without a target it stays open."""
    node = fields.take("on_overdue")
    if isinstance(node, Mapping) and node.get("exit") is None:
        settings = Fields(site.report, node, "`on_overdue`")
        notify = settings.address("notify", "notify: manager@acme.example")
        settings.finish()
        return None, notify
    if node is None:
        return None, None
    return site.on(fields, "on_overdue"), None
