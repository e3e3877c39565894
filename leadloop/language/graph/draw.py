"""A plan -> a drawing: which steps are boxes, which are arrows or labels, and in which lane each is."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from leadloop.language.graph.drawing import FAMILY_OF_KIND, JOURNEY_STAGES, Arrow, Drawing, Node
from leadloop.language.graph.step_texts import Texts
from leadloop.language.graph.ways import ARROW_KINDS, follow, ways
from leadloop.language.graph.words import wait_words, word
from leadloop.language.messages.base import Language
from leadloop.language.plan import COMPLETED, Plan, Step, Target, TaskStep, WaitStep, Workspace


def draw(plan: Plan, language: Language, workspace: Workspace | None = None) -> Drawing:
    """Return the picture of a plan in a language; the workspace lends titles of forms and topics."""
    return _Pen(plan, Texts(language, workspace)).drawing()


class _Pen:
    def __init__(self, plan: Plan, texts: Texts) -> None:
        self.plan = plan
        self.texts = texts
        self.boxes = {key: step for key, step in plan.steps.items() if step.kind not in ARROW_KINDS}
        self.ends: dict[str, Target] = {}
        self.ways: dict[tuple[str, str], list[str]] = {}
        """(node, node) -> the reasons; before waits become labels."""
        for at, entry in enumerate(plan.entry):
            self.ways[f"entry:{at}", self.node(f"entry:{at}", Target(step=entry.start or plan.first))] = []
        for key, step in self.boxes.items():
            for reason, target in ways(texts, step):
                self.ways.setdefault((_box(key), self.node(_box(key), target)), []).append(reason)
        self.labels = self.folded()
        self.stages = self.inherited_stages()

    def node(self, source: str, target: Target) -> str:
        """Return the id of the node that a target of a node is drawn as."""
        drawn = follow(self.plan, target)
        if drawn.step in self.boxes:
            return _box(drawn.step)
        end = f"end:{source}:{drawn.exit or ''}"
        self.ends.setdefault(end, drawn)
        return end

    def folded(self) -> dict[str, tuple[WaitStep, str]]:
        """Return node -> (step, where it goes on) of the waits that are drawn as labels."""
        into: dict[str, list[str]] = {}
        out: dict[str, list[str]] = {}
        for source, target in self.ways:
            into.setdefault(target, []).append(source)
            out.setdefault(source, []).append(target)
        found = {
            _box(key): (step, out[_box(key)][0])
            for key, step in self.boxes.items()
            if isinstance(step, WaitStep) and len(into.get(_box(key), [])) == len(out[_box(key)]) == 1
        }
        return {node: one for node, one in found.items() if not _is_ring(node, into, found)}

    def inherited_stages(self) -> dict[str, str | None]:
        """Return node -> its AIDMA stage: its own, or that of the node before it in the flow."""
        stages: dict[str, str | None] = {}
        following: dict[str, list[str]] = {}
        for source, target in self.ways:
            following.setdefault(source, []).append(target)
        own = {_box(key): step.journey_stage for key, step in self.boxes.items()}
        # The steps too, after the entries: nothing may lead to one.
        for start in [*(node for node in following if node.startswith("entry:")), *own]:
            queue: deque[tuple[str, str | None]] = deque([(start, None)])
            while queue:
                node, before = queue.popleft()
                if node not in stages:
                    stages[node] = own.get(node) or before
                    queue.extend((target, stages[node]) for target in following.get(node, []))
        for source, target in self.ways:  # an entry stands above the step where it begins
            if source.startswith("entry:"):
                stages[source] = stages[target]
        return stages

    def drawing(self) -> Drawing:
        arrows = _one_ring_each(
            self.arrow(source, target, reasons)
            for (source, target), reasons in self.ways.items()
            if source not in self.labels
        )
        nodes = [*self.entries(arrows), *self.step_nodes(arrows)]
        lanes = {node.lane for node in nodes}
        return Drawing(
            scenario=self.plan.scenario,
            title=self.plan.title or self.plan.scenario,
            language=self.texts.language,
            nodes=tuple(nodes),
            arrows=tuple(arrows),
            lanes=tuple(stage for stage in JOURNEY_STAGES if stage in lanes),
            notes=tuple(self.notes()),
            labels=tuple(node.removeprefix("step:") for node in self.labels),
        )

    def arrow(self, source: str, target: str, reasons: list[str]) -> Arrow:
        waits = []
        while target in self.labels:
            step, target = self.labels[target]
            words = wait_words(step.wait, self.texts.language)
            waits.append(f"{step.title}: {words}" if step.title else words)
        said = () if "" in reasons else tuple(dict.fromkeys(reasons))
        return Arrow(source, target, said, tuple(waits))

    def entries(self, arrows: list[Arrow]) -> list[Node]:
        lanes = {arrow.source: self.stages[arrow.target] for arrow in arrows}
        return [
            Node(f"entry:{at}", "entry", self.texts.entry(entry), kind="entry", lane=lanes[f"entry:{at}"])
            for at, entry in enumerate(self.plan.entry)
        ]

    def step_nodes(self, arrows: list[Arrow]) -> list[Node]:
        """Return the steps in the order of the file, each with its ends after it."""
        ends: dict[str, list[str]] = {}
        for arrow in arrows:
            if arrow.target in self.ends:
                ends.setdefault(arrow.source, []).append(arrow.target)
        nodes = []
        for source in [*(f"entry:{at}" for at in range(len(self.plan.entry))), *map(_box, self.boxes)]:
            if source.startswith("step:") and source not in self.labels:
                nodes.append(self.step_node(self.boxes[source.removeprefix("step:")]))
            nodes += [self.end_node(end, source) for end in ends.get(source, [])]
        return nodes

    def step_node(self, step: Step) -> Node:
        title = title_of(step) or ("" if "/" in step.id else step.id)
        what = self.texts.what(step)
        family = FAMILY_OF_KIND.get(step.kind, "data")
        lane = self.stages[_box(step.id)]
        return Node(_box(step.id), family, title, what, step.id, step.kind, lane, step.line)

    def end_node(self, end: str, source: str) -> Node:
        target = self.ends[end]
        outcome = target.exit or ""
        title = word(COMPLETED, self.texts.language) if outcome == COMPLETED else outcome
        what = self.texts.named("notify", target.notify) if target.notify else ""
        return Node(end, "end", title, what, kind="exit", lane=self.stages[source])

    def notes(self) -> list[tuple[str, str]]:
        language, plan = self.texts.language, self.plan
        notes = [(word("audience", language), self.texts.condition(plan.audience))] if plan.audience else []
        notes += [(word("goal", language), self.texts.matcher(match)) for match in plan.goal]
        return notes + [(word("exit_when", language), self.texts.matcher(match)) for match in plan.exit_when]


def title_of(step: Step) -> str:
    """Return the author's title of a step; a task's own where the step has none."""
    return step.title or (step.task_title if isinstance(step, TaskStep) else "")


def _one_ring_each(arrows: Iterable[Arrow]) -> list[Arrow]:
    """Return the arrows with those of a node to itself, at once and after a wait, made one."""
    found: list[Arrow] = []
    rings: dict[str, int] = {}
    for arrow in arrows:
        at = rings.get(arrow.source) if arrow.source == arrow.target else None
        if at is not None:
            said = tuple(filter(None, [found[at].full, arrow.full]))
            found[at] = Arrow(arrow.source, arrow.target, said)
            continue
        if arrow.source == arrow.target:
            rings[arrow.source] = len(found)
        found.append(arrow)
    return found


def _box(step_id: str) -> str:
    return f"step:{step_id}"


def _is_ring(node: str, into: dict[str, list[str]], waits: dict[str, tuple[WaitStep, str]]) -> bool:
    """Say whether only waits lead to a wait, in a ring that nothing else leads to."""
    at = into[node][0]
    while at in waits and at != node:
        at = into[at][0]
    return at == node
