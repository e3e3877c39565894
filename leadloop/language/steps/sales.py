"""The steps `hand_off`, `recycle` and `task`: work with sales."""

from __future__ import annotations

from leadloop.language.fields import ADDRESS, Fields, choice, known_name, mapping, named, span
from leadloop.language.nodes import Mapping, Scalar
from leadloop.language.plan import HandOffStep, RecycleStep, Span, Target, TaskStep
from leadloop.language.steps.building import StepSite, instant_fact
from leadloop.language.steps.waits import read_branch

OWNERS = ("owner", "last_owner")
TASK_TYPES = ("call", "visit", "post", "other")


def read_hand_off(site: StepSite) -> HandOffStep | None:
    """`hand_off: {to: QUEUE, accept_within: …, escalate_to: …, work_within: …, on_…: …}`."""
    fields = site.body("hand_off")
    if fields is None:
        return None
    queue = _queue(fields, site)
    accept_within = fields.span("accept_within")
    escalate_to = fields.address("escalate_to")
    if escalate_to is not None and not fields.has("accept_within"):
        site.report.add(
            "SCN112",
            fields.node.place,
            problem="`escalate_to` without `accept_within`",
            fix="add `accept_within: 4 business hours`",
        )
    work_within = fields.span("work_within")
    outcomes = {name: site.on(fields, name) for name in ("on_rejected", "on_expired", "on_won", "on_lost")}
    fields.finish({"what": "a hand-off is of the lead", "else": "`to` names a queue"})
    if queue is None:
        return None
    return HandOffStep.model_validate(
        {
            **site.base,
            "queue": queue,
            "accept_within": accept_within,
            "escalate_to": escalate_to,
            "work_within": work_within,
            **outcomes,
        }
    )


def _queue(fields: Fields, site: StepSite) -> str | None:
    node = fields.take("to", "to: inside-sales")
    queues = site.building.vocabulary.workspace.queues
    if isinstance(node, Scalar) and node.text in ("owner", "company_owner") and node.text not in queues:
        site.report.add(
            "SCN110",
            node.place,
            what=f"a hand-off to the {node.text}",
            fix="name a queue; its `assign` may begin with `company_owner`",
        )
        return None
    return None if node is None else known_name(site.report, node, "queue", queues)


def read_recycle(site: StepSite) -> RecycleStep | None:
    """`recycle: {until: …, cooldown: {…}, bypass: […], score: {…}, max_cycles: 3, on_max: …}`."""
    fields = site.body("recycle")
    if fields is None:
        return None
    until_node = fields.take("until")
    until = fields.text("until")
    if until_node is not None and until is not None and not instant_fact(site, until_node, until):
        until = None
    cooldown = _cooldown(site, fields)
    bypass = [
        read_branch(site, node, f"bypass/{at}/then") for at, node in enumerate(fields.sequence("bypass"), 1)
    ]
    score = _score(site, fields)
    max_cycles = fields.integer("max_cycles", 1, 1000)
    on_max_node = fields.take("on_max", "on_max: {exit: given_up}" if fields.has("max_cycles") else None)
    if on_max_node is not None and not fields.has("max_cycles"):
        site.report.add(
            "SCN112", on_max_node.place, problem="`on_max` without `max_cycles`", fix="add `max_cycles: 3`"
        )
    on_max = site.target(on_max_node, "`on_max`")
    fields.finish()
    if None in bypass:
        return None
    return RecycleStep.model_validate(
        {
            **site.base,
            "until": until,
            "cooldown": cooldown,
            "bypass": bypass,
            "score": score,
            "max_cycles": max_cycles,
            "on_max": on_max,
        }
    )


def _cooldown(site: StepSite, fields: Fields) -> dict[str, Span]:
    """Return reason -> length. Without a cool-down the default is no time at all, and a lint says so."""
    node = fields.mapping("cooldown")
    if node is None:
        return {"default": Span(amount=0, unit="days")}
    if node.get("default") is None:
        site.report.add(
            "SCN103", node.place, where="`cooldown`", key="default", example="for example `default: 60 days`"
        )
    lengths = {}
    reasons = site.building.vocabulary.workspace.lost_reasons
    for key, value in node.entries:
        reason = known_name(site.report, key, "lost reason", (*reasons, "default"))
        length = span(site.report, value, f"`{key.text}`", zero=True)
        if reason is not None and length is not None:
            lengths[reason] = length
    return lengths


def _score(site: StepSite, fields: Fields) -> dict[str, str]:
    node = fields.take("score")
    found = None if node is None else mapping(site.report, node, "`score`")
    result = {}
    for key, value in found.entries if found is not None else []:
        model = known_name(site.report, key, "model", site.building.vocabulary.models)
        treatment = choice(site.report, value, f"`{key.text}`", ("reset", "keep"))
        if model is not None and treatment is not None:
            result[model] = treatment
    return result


def read_task(site: StepSite) -> TaskStep | None:
    """`task: {type: call, to: …, else: QUEUE, title: …, due: …, outcomes: […], on_<outcome>: …}`."""
    fields = site.body("task")
    if fields is None:
        return None
    kind = fields.choice("type", TASK_TYPES, "type: call")
    to = _assignee(site, fields)
    otherwise = fields.known("else", "queue", site.building.vocabulary.workspace.queues)
    title = fields.text("title") or ""
    due = fields.span("due", "due: 1 business day")
    outcomes: list[str] = []
    for node in fields.sequence("outcomes", "outcomes: [connected, absent]"):
        name = named(site.report, node, "an outcome")
        if name is not None:
            outcomes.append(name)
            fields.take(f"on_{name}")
    targets: dict[str, Target] = {name: site.on(fields, f"on_{name}") for name in outcomes}
    fields.finish(
        {"asks": "", "retry": "let an outcome lead to a `wait` and back", "on_overdue": "", "asks_date": ""}
    )
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
        }
    )


def _assignee(site: StepSite, fields: Fields) -> str | None:
    node = fields.take("to", "to: last_owner")
    if node is None or isinstance(node, Mapping):
        return None if node is None else fields.text("to")
    if isinstance(node, Scalar) and ADDRESS.fullmatch(node.text):
        return node.text
    queues = site.building.vocabulary.workspace.queues
    return known_name(site.report, node, "owner, queue or address", (*OWNERS, *queues))
