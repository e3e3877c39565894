"""All names a workspace declares, and the facts that conditions may read."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from leadloop.language import builtins
from leadloop.language.plan import FactType, FieldSpec, Workspace
from leadloop.language.reach import Reach


@dataclass(frozen=True)
class Fact:
    """A name in a condition: its type, and the values it can have when they are declared."""

    type: FactType
    values: tuple[str, ...] = ()
    limits: tuple[tuple[str, int], ...] = ()
    """Of a score: its bands and their lower limits."""


Facts = dict[str, Fact]


@dataclass(frozen=True)
class Vocabulary:
    """Names of one workspace. `levels` maps a score model to its (band, lower limit)."""

    workspace: Workspace
    models: tuple[str, ...] = ()
    levels: dict[str, tuple[tuple[str, int], ...]] = field(default_factory=dict)
    stages: tuple[str, ...] = ("lead",)
    streams: tuple[str, ...] = ()
    segments: tuple[str, ...] = ()
    reach: dict[str, Reach] = field(default_factory=dict)
    """Score model -> the points that can be had in it, for lints."""

    @cached_property
    def events(self) -> dict[str, dict[str, FieldSpec]]:
        """Declared and built-in events with their properties."""
        return self.workspace.events

    @cached_property
    def lead_facts(self) -> Facts:
        """Facts below `lead`."""
        facts = {
            f"lead.{name}": _fact(spec)
            for name, spec in {**builtins.LEAD_FIELDS, **self.workspace.lead_fields}.items()
            if name != "company"  # `lead.company.name`; the company is not a text in a condition
        }
        facts["lead.stage"] = Fact("text", self.stages)
        facts["lead.tags"] = Fact("texts", self.workspace.tags)
        facts["lead.segments"] = Fact("texts", self.segments)
        facts["lead.cycle"] = Fact("int")
        facts.update({f"lead.company.{name}": Fact(kind) for name, kind in builtins.COMPANY_FACTS.items()})
        facts.update({f"lead.company.score.{model}": Fact("int") for model in self.models})
        facts.update(
            {f"lead.score.{model}": Fact("int", limits=self.levels.get(model, ())) for model in self.models}
        )
        facts.update(
            {
                f"lead.band.{model}": Fact("text", tuple(name for name, _ in levels))
                for model, levels in self.levels.items()
            }
        )
        return facts

    def event_facts(self, event: str, prefix: str = "event.") -> Facts:
        """Facts of the properties of one event."""
        return {prefix + name: _fact(spec) for name, spec in self.events.get(event, {}).items()}

    def record_facts(self, kind: str) -> Facts:
        """Return `run.<kind>.<field>`: the record that a journey runs for."""
        facts = {f"run.{kind}.key": Fact("text")}
        fields = self.workspace.records[kind].fields
        facts.update({f"run.{kind}.{name}": _fact(spec) for name, spec in fields.items()})
        return facts

    def resolve_events(self, declared: dict[str, dict[str, FieldSpec]]) -> dict[str, dict[str, FieldSpec]]:
        """Return the declared events with the built-in ones, whose names of lists become enums."""
        lists = {
            "form": tuple(self.workspace.forms),
            "topic": tuple(self.workspace.topics),
            "model": self.models,
            "stage": self.stages,
            "band": tuple(dict.fromkeys(name for levels in self.levels.values() for name, _ in levels)),
            "lost_reason": tuple(self.workspace.lost_reasons),
            "segment": self.segments,
            "record": tuple(self.workspace.records),
            "direction": builtins.DIRECTIONS,
        }
        events = {
            event: {name: _spec(kind, lists) for name, kind in properties.items()}
            for event, properties in builtins.EVENTS.items()
        }
        return {**events, **declared}


def _spec(kind: str, lists: dict[str, tuple[str, ...]]) -> FieldSpec:
    if kind in lists:
        values = lists[kind]
        return FieldSpec(type="enum", values=values) if values else FieldSpec(type="text")
    return FieldSpec.model_validate({"type": kind})


def _fact(spec: FieldSpec) -> Fact:
    return Fact(builtins.FACT_TYPES[spec.type], spec.values)


NOW: Facts = {"now": Fact("instant")}
RUN_FACTS: Facts = {f"run.{name}": Fact(kind) for name, kind in builtins.RUN_FACTS.items()}
