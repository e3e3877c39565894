"""The steps `wait` and `await`."""

from __future__ import annotations

from leadloop.language.fields import mapping
from leadloop.language.nodes import Node, Scalar, Sequence
from leadloop.language.plan import AwaitStep, Branch, Target, WaitSpec, WaitStep
from leadloop.language.steps.building import StepSite, read_wait, required_map


def read_wait_step(site: StepSite) -> WaitStep | None:
    """`wait: 3 days`, or any other form of wait."""
    node = site.fields.take("wait")
    wait = None if node is None else read_wait(site, node, "`wait`")
    return None if wait is None else WaitStep(**site.base, wait=wait)


def read_await(site: StepSite) -> AwaitStep | None:
    """`await: [{event: …, go: STEP | then: [steps]}]` with `timeout` and `on_timeout` beside it."""
    nodes = site.fields.sequence("await")
    branches = [read_branch(site, node, f"{at}/then") for at, node in enumerate(nodes, 1)]
    timeout, never = _timeout(site)
    on_timeout = _on_timeout(site)
    if not branches or None in branches or (timeout is None and not never):
        return None
    return AwaitStep(
        **site.base,
        branches=tuple(one for one in branches if one is not None),
        timeout=timeout,
        on_timeout=on_timeout,
    )


def read_branch(site: StepSite, node: Node, path: str) -> Branch | None:
    """Return one branch: a matcher and where it leads."""
    fields = required_map(site, node, "a branch")
    if fields is None:
        return None
    match = site.building.matcher().read(fields)
    go = fields.take("go")
    steps = fields.take("then")
    target: Target | None = None
    if go is not None and steps is not None:
        site.report.add(
            "SCN112",
            steps.place,
            problem="a branch has `go` or `then`, not both",
            fix="put `- go: STEP` at the end of `then`",
        )
    if steps is not None:
        target = site.step_list(fields.sequence("then"), path)
    elif go is not None:
        target = site.target(go, "`go`")
    else:
        site.report.add("SCN410", node.place)
    fields.finish({"since": "a branch looks back to its send, or to the arrival at the step"})
    return None if match is None or target is None else Branch(match=match, go=target)


def _timeout(site: StepSite) -> tuple[WaitSpec | None, bool]:
    """Return the timeout, and whether the author wrote `never`."""
    node = site.fields.take("timeout")
    if node is None:
        place = next(key.place for key, _ in site.fields.node.entries if key.text == "await")
        site.report.add("SCN403", place)
        return None, False
    if isinstance(node, Scalar) and node.text == "never":
        return None, True
    return read_wait(site, node, "`timeout`"), False


def _on_timeout(site: StepSite) -> Target:
    node = site.fields.take("on_timeout")
    if isinstance(node, Sequence):
        return site.step_list(site.fields.sequence("on_timeout"), "on_timeout")
    if node is not None and not isinstance(node, Scalar):
        mapping(site.report, node, "`on_timeout`")
    return site.target(node, "`on_timeout`")
