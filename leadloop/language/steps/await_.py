"""`await`: the first of several events or conditions, or a timeout."""

from __future__ import annotations

from leadloop.language.nodes import Scalar
from leadloop.language.plan import AwaitStep, WaitSpec
from leadloop.language.steps.branches import read_branch
from leadloop.language.steps.building import StepSite
from leadloop.language.steps.waiting import read_wait


def read_await(site: StepSite) -> AwaitStep | None:
    """`await: [{event: …, since: …, go: STEP | then: [steps]}]`, `timeout` and `on_timeout` beside it."""
    nodes = site.fields.sequence("await")
    branches = [read_branch(site, node, f"{at}/then", with_since=True) for at, node in enumerate(nodes, 1)]
    timeout, never = _timeout(site)
    written = site.fields.node.get("on_timeout")
    if never and written is not None:
        site.report.add(
            "SCN112",
            written.place,
            problem="`on_timeout` without a timeout",
            fix="write `timeout: 5 days`, or remove `on_timeout`",
        )
    on_timeout = site.on(site.fields, "on_timeout")
    if not branches or None in branches or (timeout is None and not never):
        return None
    return AwaitStep(
        **site.base,
        branches=tuple(one for one in branches if one is not None),
        timeout=timeout,
        on_timeout=on_timeout,
    )


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
