"""Everything that goes live together, and the digests that name it."""

from __future__ import annotations

import hashlib
import json

from leadloop.language.plan.base import PlanModel
from leadloop.language.plan.rules import Lifecycle, Scoring, Segment, Stream
from leadloop.language.plan.scenario import Plan
from leadloop.language.plan.workspace import Workspace


class Publication(PlanModel):
    """Everything that goes live together."""

    workspace: Workspace
    scoring: Scoring = Scoring()
    lifecycle: Lifecycle = Lifecycle()
    streams: dict[str, Stream] = {}
    segments: dict[str, Segment] = {}
    plans: dict[str, Plan] = {}
    templates: dict[str, str] = {}
    """Path below `templates/` (`whitepaper/thanks.ja.md`, `layouts/default.ja.html.j2`) -> text."""
    sources: dict[str, str] = {}
    """Path below the workspace -> YAML text, as published."""

    def digests(self) -> dict[str, str]:
        """Return the digest tree: one digest per part, for example `plan:whitepaper-nurture`."""
        streams = {name: stream.model_dump(mode="json") for name, stream in self.streams.items()}
        tree = {
            "workspace": digest(self.workspace),
            "scoring": digest(self.scoring),
            "lifecycle": digest(self.lifecycle),
            "streams": digest_text(canonical(streams)),
        }
        if self.segments:
            segments = {name: segment.model_dump(mode="json") for name, segment in self.segments.items()}
            tree["segments"] = digest_text(canonical(segments))
        tree.update({f"plan:{name}": digest(plan) for name, plan in self.plans.items()})
        tree.update({f"template:{name}": digest_text(text) for name, text in self.templates.items()})
        tree.update({f"source:{name}": digest_text(text) for name, text in self.sources.items()})
        return tree

    def digest(self) -> str:
        """Return the digest of the whole publication."""
        return digest_text(canonical(self.digests()))


def canonical(value: object) -> str:
    """Return JSON text that is the same for equal values."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def digest(model: PlanModel) -> str:
    """Return the SHA-256 hex digest of a compiled shape. Line numbers do not count: a comment that
    moves them changes nothing."""
    document = model.model_dump(mode="json")
    for step in document["steps"].values() if isinstance(model, Plan) else ():
        del step["line"]
    return digest_text(canonical(document))


def digest_text(text: str) -> str:
    """Return the SHA-256 hex digest of a text."""
    return hashlib.sha256(text.encode()).hexdigest()
