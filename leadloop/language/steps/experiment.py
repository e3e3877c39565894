"""`experiment`: a draw between arms, a control group, and a winner for the rest."""

from __future__ import annotations

import re
from dataclasses import dataclass

from leadloop.language.condition_maps import read_did
from leadloop.language.fields import Fields, mapping, named
from leadloop.language.plan import Did, ExperimentStep, Rest, Target, Variant
from leadloop.language.sources import Place
from leadloop.language.steps.building import StepSite, required_map

WHOLE = 10_000
"""All of the draw, in hundredths of a percent."""
CONTROL = "control"
MOST_ARMS = 20
_PERCENT = re.compile(r"(\d{1,3})(?:\.(\d{1,2}))? ?[%％]")


def read_experiment(site: StepSite) -> ExperimentStep | None:
    """`experiment: {metric: {did: …, within: …}, draw: lead|run, control: 10 %,
    variants: {a: {share: 10 %, steps: […]}}, rest: {after: …, min_sends: 200, tie: a}}`."""
    fields = site.body("experiment")
    if fields is None:
        return None
    metric = _metric(site, fields)
    draw = fields.choice("draw", ("lead", "run")) or "run"
    control = fields.parsed("control", parse_percent) or 0
    arms = _arms(site, fields)
    rest = _rest(site, fields, arms)
    shares = _shares(site, fields, control, arms)
    fields.finish()
    if metric is None or shares is None or (rest is None and fields.has("rest")):
        return None
    pairs = zip(arms, shares, strict=True)
    variants = tuple(Variant(name=arm.name, share=share, go=arm.go) for arm, share in pairs)
    return ExperimentStep.model_validate(
        {**site.base, "metric": metric, "draw": draw, "control": control, "variants": variants, "rest": rest}
    )


def parse_percent(text: str) -> int:
    """Return hundredths of a percent of `10 %`, `12.5%`. Raises `ValueError` that says what to write."""
    found = _PERCENT.fullmatch(text)
    if found is None:
        raise ValueError(f"`{text}` is not a percentage; write `10 %` or `12.5 %`")
    parts = int(found[1]) * 100 + int((found[2] or "").ljust(2, "0"))
    if not 0 < parts <= WHOLE:
        raise ValueError(f"`{text}` is not between 0 and 100 %; write `10 %`")
    return parts


def _metric(site: StepSite, fields: Fields) -> Did | None:
    """Return what an arm is judged by. It counts from each draw, so it has no `since`."""
    node = fields.take("metric", "metric: {did: email_clicked, within: 4 hours}")
    found = None if node is None else mapping(site.report, node, "`metric`")
    if found is None:
        return None
    if found.get("did") is None:
        site.report.add(
            "SCN103",
            found.place,
            where="`metric`",
            key="did",
            example="for example `{did: email_clicked, within: 4 hours}`",
        )
        return None
    since = found.get("since")
    if since is not None:
        site.report.add(
            "SCN112",
            since.place,
            problem="a metric counts from each draw",
            fix="remove `since`; `within: 4 hours` says how long it counts",
        )
    return read_did(site.report, found, site.building.scope)


@dataclass(frozen=True)
class _Arm:
    name: str
    place: Place
    share: int | None
    go: Target


def _arms(site: StepSite, fields: Fields) -> list[_Arm]:
    node = fields.mapping("variants", "variants: {a: {share: 50 %, steps: […]}, b: {…}}")
    if node is None:
        return []
    arms = []
    for key, value in node.entries:
        name = named(site.report, key, "an arm")
        if name == CONTROL:
            site.report.add(
                "SCN109",
                key.place,
                name=CONTROL,
                what="an arm",
                fix="`control: 10 %` is a setting of its own",
            )
        settings = required_map(site, value, f"the arm `{key.text}`")
        if name is None or settings is None:
            continue
        share = settings.parsed("share", parse_percent)
        go = site.step_list(settings.sequence("steps", "steps: [{id: …, send: {…}}]"), f"variants/{name}")
        settings.finish()
        arms.append(_Arm(name, key.place, share, go))
    if not 2 <= len(node.entries) <= MOST_ARMS:
        site.report.add(
            "SCN112",
            node.place,
            problem=f"an experiment has 2 to {MOST_ARMS} arms, not {len(node.entries)}",
            fix="one arm against nothing is `control: 50 %`" if len(node.entries) == 1 else "",
        )
    return arms


def _shares(site: StepSite, fields: Fields, control: int, arms: list[_Arm]) -> list[int] | None:
    """Return the share of each arm. Arms without one divide equally what is left."""
    open_arms = [arm for arm in arms if arm.share is None]
    taken = control + sum(arm.share or 0 for arm in arms)
    left = WHOLE - taken
    place = (fields.node.get("variants") or fields.node).place
    if not arms:
        return None
    if left < 0 or (open_arms and left < len(open_arms)):
        problem = f"the shares make up {percent(taken)}"
        site.report.add("SCN112", place, problem=problem, fix="all arms and `control` are 100 % at most")
        return None
    if fields.has("rest"):
        if open_arms:
            site.report.add(
                "SCN103",
                open_arms[0].place,
                where=f"the arm `{open_arms[0].name}`",
                key="share",
                example="for example `share: 10 %`: with `rest` each arm says how many are drawn",
            )
            return None
        if left == 0:
            site.report.add(
                "SCN112",
                place,
                problem="the shares make up 100 %, so nobody is left for `rest`",
                fix="make the shares smaller, or remove `rest`",
            )
            return None
        return [arm.share or 0 for arm in arms]
    if not open_arms and left > 0:
        site.report.add(
            "SCN112",
            place,
            problem=f"the shares make up {percent(taken)}, and nothing is said of the others",
            fix="leave out one `share`, or add `rest: {after: 4 hours, tie: a}`",
        )
        return None
    # What does not divide goes to the first of the open arms, one hundredth of a percent each.
    each, over = divmod(left, len(open_arms)) if open_arms else (0, 0)
    shares = []
    for arm in arms:
        more = 1 if arm.share is None and over > 0 else 0
        over -= more
        shares.append(each + more if arm.share is None else arm.share)
    return shares


def percent(parts: int) -> str:
    """Return `12.5 %` of 1250 hundredths of a percent."""
    return f"{parts / 100:g} %"


def _rest(site: StepSite, fields: Fields, arms: list[_Arm]) -> Rest | None:
    node = fields.take("rest")
    settings = None if node is None else required_map(site, node, "`rest`")
    if settings is None:
        return None
    after = settings.span("after", "after: 4 hours")
    min_sends = settings.integer("min_sends", 0, 1_000_000) or 0
    tie = settings.known("tie", "arm", [arm.name for arm in arms], f"tie: {arms[0].name if arms else 'a'}")
    settings.finish()
    if after is None or tie is None:
        return None
    return Rest(after=after, min_sends=min_sends, tie=tie)
