"""`go`: a jump."""

from __future__ import annotations

from leadloop.language.plan import GoStep
from leadloop.language.steps.building import StepSite


def read_go(site: StepSite) -> GoStep | None:
    """`go: STEP`."""
    node = site.fields.take("go")
    target = None if node is None else site.jump(node, "`go`")
    return None if target is None else GoStep(**{**site.base, "next": target})
