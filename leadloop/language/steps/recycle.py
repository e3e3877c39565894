"""`recycle`: a lost deal goes back to marketing, after a pause."""

from __future__ import annotations

from leadloop.language.fields import Fields, choice, known_name, mapping, span
from leadloop.language.plan import RecycleStep, Span
from leadloop.language.steps.branches import read_branch
from leadloop.language.steps.building import StepSite
from leadloop.language.steps.waiting import instant_fact


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
    on_max = site.on(fields, "on_max")
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
