"""`allow: {SCN504: reason}` at the top of a file: lints that the author has looked at."""

from __future__ import annotations

from dataclasses import dataclass

from leadloop.language.diagnostics import Report
from leadloop.language.fields import mapping, text
from leadloop.language.messages import LINTS
from leadloop.language.nodes import Mapping, Node
from leadloop.language.sources import Place
from leadloop.language.suggest import Suggestion

ALLOW = "allow"
UNUSED = "SCN523"


@dataclass(frozen=True)
class Allowance:
    """One lint that one file silences."""

    code: str
    place: Place


def read_allow(report: Report, root: Node) -> list[Allowance]:
    """Return the lints that a file allows, each with a reason."""
    node = root.get(ALLOW) if isinstance(root, Mapping) else None
    found = None if node is None else mapping(report, node, "`allow`")
    allowed = []
    for key, value in found.entries if found is not None else []:
        if key.text not in LINTS:
            near = Suggestion(key.text, LINTS)
            report.add("SCN201", key.place, kind="lint", name=key.text, suggestion=near)
        elif text(report, value, "the reason") is not None:
            allowed.append(Allowance(key.text, key.place))
    return allowed


def silence(report: Report, allowed: list[Allowance], complete: bool) -> None:
    """Take the allowed lints out of a report.

    What allows nothing any more is a lint itself, when the report is `complete`: all files were
    read, without an error that may have hidden a lint.
    """
    for one in allowed:
        kept = [
            found
            for found in report.diagnostics
            if found.code != one.code or found.path != one.place.source.path
        ]
        unused = len(kept) == len(report.diagnostics)
        report.diagnostics[:] = kept
        if unused and complete:
            report.add(UNUSED, one.place, lint=one.code)
