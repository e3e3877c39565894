"""The pipeline: files -> nodes -> checked shapes -> publication, or diagnostics of all files.

Reads only `scenarios/*.yaml` and `templates/` below a workspace folder; opens no network and no
database, and never raises for what is in the files.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from leadloop.language.across import check_across
from leadloop.language.allowing import read_allow, silence
from leadloop.language.diagnostics import Diagnostic, Report, in_order
from leadloop.language.files import TEMPLATES, WORKSPACE, WorkspaceFiles
from leadloop.language.lifecycle import read_lifecycle, read_stages
from leadloop.language.lints_workspace import lint_same_occasion, lint_workspace
from leadloop.language.nodes import Node
from leadloop.language.plan import Lifecycle, Plan, Publication, Scoring, Segment, Stream
from leadloop.language.reach import read_reach, unreached_bands
from leadloop.language.reading import read
from leadloop.language.scenario import Compiled, read_scenario
from leadloop.language.scoring import model_names, read_bands, read_scoring
from leadloop.language.segments import read_segments, segment_names
from leadloop.language.sources import Source
from leadloop.language.streams import read_streams, stream_names
from leadloop.language.template_store import TemplateStore
from leadloop.language.template_uses import check_template_uses, templates_of
from leadloop.language.templates import check_templates, template_scope
from leadloop.language.vocabulary import Vocabulary
from leadloop.language.workspace import read_workspace

SCORING = "scenarios/scoring.yaml"
LIFECYCLE = "scenarios/lifecycle.yaml"
STREAMS = "scenarios/streams.yaml"
SEGMENTS = "scenarios/segments.yaml"
SHARED = (WORKSPACE, SCORING, LIFECYCLE, STREAMS, SEGMENTS)


class CompileError(Exception):
    """A workspace with errors; `diagnostics` has them and the warnings."""

    def __init__(self, diagnostics: Sequence[Diagnostic]) -> None:
        errors = [one for one in diagnostics if one.severity == "error"]
        super().__init__(f"{len(errors)} errors in the workspace")
        self.diagnostics = list(diagnostics)


@dataclass(frozen=True)
class Compilation:
    """What compiling gave: a publication, or None where there is any error."""

    publication: Publication | None
    diagnostics: list[Diagnostic]

    @property
    def errors(self) -> list[Diagnostic]:
        """The problems that keep the workspace from being published."""
        return [one for one in self.diagnostics if one.severity == "error"]

    @property
    def warnings(self) -> list[Diagnostic]:
        """The problems that do not."""
        return [one for one in self.diagnostics if one.severity == "warning"]

    def require(self) -> Publication:
        """Return the publication. Raises `CompileError` where there is none."""
        if self.publication is None:
            raise CompileError(self.diagnostics)
        return self.publication


def compile_workspace(folder: Path, only: Sequence[Path] | None = None) -> Compilation:
    """Compile the workspace in `folder`, which holds `scenarios/` and `templates/`.

    With `only`, scenarios of other files are left out, and the texts of templates that those of
    `only` do not send are not checked; the shared files are always read. A folder in `only` stands
    for everything in it.
    """
    report = Report()
    return _Compiler(WorkspaceFiles(report, folder, only), report, complete=only is None).run()


@dataclass
class _Parts:
    """The shared files, compiled."""

    vocabulary: Vocabulary
    scoring: Scoring
    lifecycle: Lifecycle
    streams: dict[str, Stream]
    segments: dict[str, Segment]
    templates: TemplateStore


@dataclass
class _Compiler:
    files: WorkspaceFiles
    report: Report
    complete: bool
    """Whether every file is looked at."""
    sources: dict[str, Source] = field(default_factory=dict)

    def run(self) -> Compilation:
        every = self.files.scenarios()
        names = [name for name in every if name not in SHARED and self.files.is_wanted(name)]
        shared = [name for name in SHARED if name in every or name == WORKSPACE]
        roots = {name: root for name in (*shared, *names) if (root := self.root(name)) is not None}
        scenarios: list[Compiled] = []
        parts = None
        if all(name in roots for name in shared) and self.files.unread.isdisjoint(SHARED):
            parts = self.parts(roots)
            for name in names:
                if name in roots:
                    compiled = read_scenario(
                        self.report, roots[name], parts.vocabulary, parts.templates, parts.scoring
                    )
                    scenarios += [compiled] if compiled is not None else []
            check_across(self.report, scenarios, parts.vocabulary, complete=self.complete)
            self.check_templates(parts, scenarios)
            lint_workspace(self.report, roots[WORKSPACE], parts.vocabulary.workspace)
            lint_same_occasion(self.report, scenarios, parts.vocabulary.workspace)
        self.silence(roots)
        diagnostics = in_order(self.report.diagnostics)
        if parts is None or any(one.severity == "error" for one in diagnostics):
            return Compilation(None, diagnostics)
        plans = {one.name: one.plan for one in scenarios if one.plan is not None}
        return Compilation(self.publication(parts, plans), diagnostics)

    def root(self, name: str) -> Node | None:
        """Return the root node of a file, or None after a report."""
        source = self.files.source(name)
        if source is None:
            return None
        self.sources[name] = source
        return read(source, self.report)

    def parts(self, roots: dict[str, Node]) -> _Parts:
        report = self.report
        workspace = read_workspace(report, roots[WORKSPACE])
        models = model_names(roots.get(SCORING))
        bands = read_bands(report, roots.get(SCORING), models)
        vocabulary = Vocabulary(
            workspace=workspace,
            models=models,
            levels={name: one.levels for name, one in bands.items()},
            stages=read_stages(report, roots[LIFECYCLE]) if LIFECYCLE in roots else Lifecycle().stages,
            streams=stream_names(roots.get(STREAMS)),
            segments=segment_names(roots.get(SEGMENTS)),
            reach=read_reach(roots.get(SCORING), roots.values()),
        )
        events = vocabulary.resolve_events(workspace.events)
        vocabulary = replace(vocabulary, workspace=workspace.model_copy(update={"events": events}))
        templates = self.files.templates(workspace.locale)
        scoring, lifecycle, streams = Scoring(bands=bands), Lifecycle(stages=vocabulary.stages), {}
        for limit, code, values in unreached_bands(roots.get(SCORING), vocabulary.reach):
            report.add(code, limit.place, "", **values)
        if SCORING in roots:
            scoring = read_scoring(report, roots[SCORING], vocabulary, bands)
        if LIFECYCLE in roots:
            lifecycle = read_lifecycle(report, roots[LIFECYCLE], vocabulary)
        if STREAMS in roots:
            streams = read_streams(report, roots[STREAMS], vocabulary, templates)
        segments = read_segments(report, roots[SEGMENTS], vocabulary) if SEGMENTS in roots else {}
        return _Parts(vocabulary, scoring, lifecycle, streams, segments, templates)

    def check_templates(self, parts: _Parts, scenarios: list[Compiled]) -> None:
        """Check every template; with `only`, those that it names or that its scenarios send."""
        store = parts.templates
        if not self.complete:
            sent = {name for one in scenarios for name in templates_of(one, parts.streams)}
            named = [path for path in store.files if self.files.is_wanted(f"{TEMPLATES}/{path}")]
            store = store.part(sent, named)
        check_templates(self.report, store, template_scope(parts.vocabulary))
        check_template_uses(
            self.report, store, scenarios, parts.streams, parts.vocabulary, complete=self.complete
        )

    def silence(self, roots: dict[str, Node]) -> None:
        """Take out the lints that files allow; tell those that nothing needs any more."""
        allowed = [one for root in roots.values() for one in read_allow(self.report, root)]
        errors = any(one.severity == "error" for one in self.report.diagnostics)
        silence(self.report, allowed, complete=self.complete and not errors)

    def publication(self, parts: _Parts, plans: dict[str, Plan]) -> Publication:
        return Publication(
            workspace=parts.vocabulary.workspace,
            scoring=parts.scoring,
            lifecycle=parts.lifecycle,
            streams=parts.streams,
            segments=parts.segments,
            plans=plans,
            templates={name: source.text for name, source in parts.templates.files.items()},
            sources={name: source.text for name, source in self.sources.items()},
        )
