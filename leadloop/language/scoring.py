"""scoring.yaml -> `Scoring`: models with rules, attributes and decay, and bands."""

from __future__ import annotations

from leadloop.language import builtins
from leadloop.language.allowing import ALLOW
from leadloop.language.diagnostics import Report
from leadloop.language.expressions import Scope, compile_condition
from leadloop.language.fields import IDENTIFIER, Fields, integer, known_name, mapping, named
from leadloop.language.matchers import MatchReader
from leadloop.language.nodes import Mapping, Node
from leadloop.language.plan import Bands, EventMatch, ScoreAttribute, ScoreModel, ScoreRule, Scoring
from leadloop.language.spans import parse_at_most, parse_every
from leadloop.language.vocabulary import Vocabulary

MOST_POINTS = 1_000_000


def model_names(root: Node | None) -> tuple[str, ...]:
    """Return the models a file declares, without judging it."""
    models = root.get("models") if isinstance(root, Mapping) else None
    return tuple(models.names()) if isinstance(models, Mapping) else ()


def read_bands(report: Report, root: Node | None, models: tuple[str, ...]) -> dict[str, Bands]:
    """Return the bands of a file; read first, because rules and conditions name them."""
    node = root.get("bands") if isinstance(root, Mapping) else None
    found = None if node is None else mapping(report, node, "`bands`")
    bands = {}
    for key, value in found.entries if found is not None else []:
        name = known_name(report, key, "model", models)
        one = mapping(report, value, f"the bands of `{key.text}`")
        if name is None or one is None:
            continue
        fields = Fields(report, one, f"the bands of `{name}`")
        levels = _levels(report, fields.mapping("levels", "levels: {hot: 30, warm: 15, cold: 0}"))
        hysteresis = fields.integer("hysteresis", 0) or 0
        fields.finish()
        if levels and levels[-1][1] > 0:
            report.add(
                "SCN112",
                one.place,
                problem=f"below {levels[-1][1]} a lead would have no band",
                fix="let the lowest level begin at 0",
            )
        if len(levels) > 1 and hysteresis >= levels[-2][1] - levels[-1][1]:
            report.add(
                "SCN112",
                one.place,
                problem=f"with a hysteresis of {hysteresis} nobody leaves `{levels[-2][0]}` downwards",
                fix="make it smaller than the distance of the levels",
            )
        if levels:
            bands[name] = Bands(levels=tuple(levels), hysteresis=hysteresis)
    return bands


def _levels(report: Report, node: Mapping | None) -> list[tuple[str, int]]:
    levels: dict[int, str] = {}
    for key, value in node.entries if node is not None else []:
        name = named(report, key, "a band")
        limit = integer(report, value, f"`{key.text}`", -MOST_POINTS, MOST_POINTS)
        if limit is not None and limit in levels:
            report.add(
                "SCN112",
                value.place,
                problem=f"`{levels[limit]}` and `{key.text}` begin at {limit}",
                fix="give each band its own limit",
            )
        elif name is not None and limit is not None:
            levels[limit] = name
    return [(levels[limit], limit) for limit in sorted(levels, reverse=True)]


def read_scoring(report: Report, root: Node, vocabulary: Vocabulary, bands: dict[str, Bands]) -> Scoring:
    """Return the models of a file with the bands that `read_bands` found."""
    found = mapping(report, root, "scoring.yaml")
    if found is None:
        return Scoring()
    fields = Fields(report, found, "scoring.yaml")
    models = {}
    declared = fields.mapping("models", "models: {engagement: {rules: […]}}")
    for key, value in declared.entries if declared is not None else []:
        name = named(report, key, "a model", IDENTIFIER)
        one = mapping(report, value, f"the model `{key.text}`")
        if name is not None and one is not None:
            models[name] = _model(Fields(report, one, f"the model `{name}`"), vocabulary)
    fields.take("bands")
    fields.take(ALLOW)
    fields.finish()
    return Scoring(models=models, bands=bands)


def _model(fields: Fields, vocabulary: Vocabulary) -> ScoreModel:
    lines: dict[str, int] = {}
    rules = [_rule(fields.report, node, vocabulary, lines) for node in fields.sequence("rules")]
    attributes = [
        _attribute(fields.report, node, vocabulary, lines) for node in fields.sequence("attributes")
    ]
    half_life = None
    decay = fields.mapping("decay")
    if decay is not None:
        settings = Fields(fields.report, decay, "`decay`")
        half_life = settings.span("half_life", "half_life: 30 days")
        settings.finish()
        if half_life is not None and half_life.unit.startswith("business"):
            fields.report.add(
                "SCN112",
                decay.place,
                problem="a half-life has no business hours",
                fix="write `half_life: 30 days`",
            )
    model = ScoreModel.model_validate(
        {
            "rules": [rule for rule in rules if rule is not None],
            "attributes": [attribute for attribute in attributes if attribute is not None],
            "trust": fields.choice("trust", ("verified", "likely", "any")) or "likely",
            "half_life": half_life,
            "cap": fields.integer("cap", 1, MOST_POINTS),
        }
    )
    fields.finish()
    return model


def _rule(report: Report, node: Node, vocabulary: Vocabulary, lines: dict[str, int]) -> ScoreRule | None:
    found = mapping(report, node, "a rule")
    if found is None:
        return None
    fields = Fields(report, found, "a rule")
    rule_id = _id(fields, lines)
    scope = Scope(
        vocabulary.lead_facts,
        why_not="a rule knows the lead and the event",
        vocabulary=vocabulary,
        did="never",
    )
    match = MatchReader(vocabulary, scope, kinds=("event",)).read(fields)
    points = fields.integer("points", -MOST_POINTS, MOST_POINTS, example="points: 5")
    at_most = fields.parsed("at_most", parse_at_most)
    every = fields.parsed("every", parse_every)
    fields.finish()
    if (
        at_most is not None
        and at_most.per == "message"
        and isinstance(match, EventMatch)
        and match.event not in builtins.MESSAGE_EVENTS
    ):
        report.add(
            "SCN112",
            found.place,
            problem=f"`{match.event}` does not belong to a message",
            fix="write `at_most: 1 per day`",
        )
    if rule_id is None or points is None or not isinstance(match, EventMatch):
        return None
    return ScoreRule(id=rule_id, match=match, points=points, at_most=at_most, every=every)


def _attribute(
    report: Report, node: Node, vocabulary: Vocabulary, lines: dict[str, int]
) -> ScoreAttribute | None:
    found = mapping(report, node, "an attribute")
    if found is None:
        return None
    fields = Fields(report, found, "an attribute")
    rule_id = _id(fields, lines)
    facts = {
        name: fact
        for name, fact in vocabulary.lead_facts.items()
        if not name.startswith(("lead.score.", "lead.band.", "lead.company.score.", "lead.segments"))
    }
    condition = fields.take("when", "when: lead.employees >= 100")
    # A segment may hang on a score, so a score cannot hang on a segment.
    scope = Scope(
        facts,
        waiting=True,
        why_not="an attribute knows only the fields of the lead: count what it did by a rule",
        vocabulary=vocabulary,
        did="never",
    )
    when = None if condition is None else compile_condition(report, condition, "`when`", scope)
    points = fields.integer("points", -MOST_POINTS, MOST_POINTS, example="points: 20")
    fields.finish()
    if rule_id is None or when is None or points is None:
        return None
    return ScoreAttribute(id=rule_id, when=when, points=points)


def _id(fields: Fields, lines: dict[str, int]) -> str | None:
    """Return the id of a rule: ledger entries name it, so it is unique in its model."""
    rule_id = fields.name("id", "id: web-visit")
    if rule_id is None:
        return None
    if rule_id in lines:
        fields.report.add("SCN202", fields.node.place, kind="rule", name=rule_id, line=lines[rule_id])
    lines.setdefault(rule_id, fields.node.place.line)
    return rule_id
