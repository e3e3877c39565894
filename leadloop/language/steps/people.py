"""People of ours that a step turns to: an owner, a queue, an address."""

from __future__ import annotations

from collections.abc import Collection

from leadloop.language.fields import Fields, address, known_name
from leadloop.language.nodes import Scalar
from leadloop.language.steps.building import StepSite


def read_assignee(
    site: StepSite, fields: Fields, words: Collection[str], addresses: bool = False
) -> tuple[str | None, str | None]:
    """Return `to` and `else`, both None after errors in `to`.

    `to` is one of the words (`owner`), a queue, or where `addresses` are allowed a mail address. A
    word may name nobody: then the queue of `else` takes over.
    """
    queues = site.building.vocabulary.workspace.queues
    node = fields.take("to", f"to: {next(iter(queues), 'owner')}")
    to: str | None = None
    if isinstance(node, Scalar) and addresses and "@" in node.text and node.text not in queues:
        to = address(site.report, node, "`to`")
    elif node is not None:
        kind = "owner, queue or address" if addresses else "owner or queue"
        to = known_name(site.report, node, kind, (*words, *queues))
    otherwise = fields.known("else", "queue", queues)
    written = fields.node.get("else")
    if written is not None and to is not None and to not in words:
        site.report.add(
            "SCN112",
            written.place,
            problem=f"`else` is for a `to` that may name nobody; `{to}` is always somebody",
            fix="remove `else`",
        )
    return to, otherwise
