"""`tag` and `untag`: words on the lead."""

from __future__ import annotations

from leadloop.language.fields import items, known_name
from leadloop.language.nodes import Sequence
from leadloop.language.plan import TagStep, UntagStep
from leadloop.language.steps.building import StepSite


def read_tag(site: StepSite) -> TagStep | None:
    """`tag: vip` or `tag: [vip, partner]`."""
    tags = _tags(site, "tag")
    return TagStep(**site.base, tags=tags) if tags else None


def read_untag(site: StepSite) -> UntagStep | None:
    """`untag: vip` or `untag: [vip, partner]`."""
    tags = _tags(site, "untag")
    return UntagStep(**site.base, tags=tags) if tags else None


def _tags(site: StepSite, kind: str) -> tuple[str, ...]:
    """Return the declared tags of a setting, each once."""
    node = site.fields.take(kind)
    if node is None:
        return ()
    nodes = items(site.report, node, f"`{kind}`") if isinstance(node, Sequence) else [node]
    declared = site.building.vocabulary.workspace.tags
    tags = [known_name(site.report, one, "tag", declared) for one in nodes]
    return tuple(dict.fromkeys(tag for tag in tags if tag is not None))
