"""Branches: a matcher and where it leads, in `await` and in `bypass` of `recycle`."""

from __future__ import annotations

from leadloop.language.expressions import Reference
from leadloop.language.fields import text
from leadloop.language.nodes import Node, Scalar
from leadloop.language.plan import Branch, Target
from leadloop.language.steps.building import StepSite, required_map


def read_branch(site: StepSite, node: Node, path: str, with_since: bool = False) -> Branch | None:
    """Return one branch. `path` names the place of the steps in its `then`."""
    fields = required_map(site, node, "a branch")
    if fields is None:
        return None
    match = site.building.matcher().read(fields)
    since = _since(site, fields.take("since")) if with_since else None
    if since is not None and match is not None and match.kind != "event":
        site.report.add(
            "SCN112",
            node.place,
            problem="`since` looks back for events; a condition or a stage is asked as it is now",
            fix="remove `since`, or write `{when: {did: EVENT, since: entry}}`",
        )
    if since is not None and fields.has("of"):
        site.report.add(
            "SCN112",
            node.place,
            problem="a branch with `of` looks back to that send already",
            fix="keep one of `of` and `since`",
        )
    target = _target(site, fields.take("go"), fields.take("then"), path)
    if target is None and not (fields.has("go") or fields.has("then")):
        site.report.add("SCN410", node.place)
    fields.finish()
    return None if match is None or target is None else Branch(match=match, go=target, since=since)


def _target(site: StepSite, go: Node | None, then: Node | None, path: str) -> Target | None:
    if go is not None and then is not None:
        site.report.add(
            "SCN112",
            then.place,
            problem="a branch has `go` or `then`, not both",
            fix="put `- go: STEP` at the end of `then`",
        )
    if then is not None:
        return site.nested(then, "`then`", path)
    return None if go is None else site.target(go, "`go`")


def _since(site: StepSite, node: Node | None) -> str | None:
    """Return `entry`, or the id of a step."""
    step_id = None if node is None else text(site.report, node, "`since`")
    if step_id is not None and step_id != "entry" and isinstance(node, Scalar):
        site.building.references.append(Reference(node, step_id))
    return step_id
