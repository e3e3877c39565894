"""Random scenarios: valid ones compile and hold what a plan promises; others give errors, never more."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from random import Random
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from leadloop.language.compiler import Compilation, compile_workspace
from leadloop.language.flow import edges
from leadloop.language.plan import AgainStep, Plan, PlanModel, Publication, RepeatStep, Step, Target
from tests.language.documents import documents, dump, files_of
from tests.language.workspaces import compiled, write

LIGHT = settings(
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],  # to make a failure smaller would take minutes
    suppress_health_check=list(HealthCheck),
)
SEEDS = st.integers(0, 2**32)


def compile_text(text: str) -> Compilation:
    with tempfile.TemporaryDirectory() as folder:
        return compiled(Path(folder), files_of(text))


def targets(value: Any) -> Iterator[Target]:
    """Yield every target in a compiled shape."""
    if isinstance(value, Target):
        yield value
    elif isinstance(value, PlanModel):
        for name in type(value).model_fields:
            yield from targets(getattr(value, name))
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from targets(one)
    elif isinstance(value, tuple | list):
        for one in value:
            yield from targets(one)


GOES_ON_OTHERWISE = {"await", "if", "switch", "hand_off", "task", "stream", "experiment"}
"""Kinds of steps that have a `next` and never, or not always, take it."""


def ways(step: Step) -> list[Target]:
    """Return every target that a step can take."""
    found = [
        one for name in type(step).model_fields if name != "next" for one in targets(getattr(step, name))
    ]
    return found if step.kind in GOES_ON_OTHERWISE else [*found, step.next]


def has_cycle(steps: Mapping[str, Step], passed: set[str]) -> bool:
    """Return whether the plan has a loop through none of the `passed` steps."""
    colours: dict[str, str] = {}

    def visit(step_id: str) -> bool:
        if step_id in passed or colours.get(step_id) == "done":
            return False
        if colours.get(step_id) == "open":
            return True
        colours[step_id] = "open"
        found = any(visit(one.step) for one in targets(steps[step_id]) if one.step is not None)
        colours[step_id] = "done"
        return found

    return any(visit(step_id) for step_id in steps)


def check_plan(plan: Plan) -> None:
    steps = plan.steps
    starts = [entry.start for entry in plan.entry if entry.start] + [plan.first]
    seen: set[str] = set()
    queue = [*starts]
    while queue:
        step_id = queue.pop()
        if step_id not in seen:
            seen.add(step_id)
            queue += [edge.target.step for edge in edges(steps[step_id]) if edge.target.step is not None]
    assert seen == set(steps)
    for step in steps.values():
        told = [edge.target for edge in edges(step)]
        assert all(one in told for one in ways(step)), step
        assert all((one.step is None) != (one.exit is None) for one in told)
        assert all(one.step is None or one.step in steps for one in told)
    # The only loops drawn are those of `repeat`: each has its counter, and a wait in its body.
    assert not has_cycle(steps, {one.id for one in steps.values() if isinstance(one, AgainStep)})
    waiting = {one.id for one in steps.values() if one.kind == "wait"}
    assert not has_cycle(steps, waiting)
    for one in steps.values():
        assert not isinstance(one, RepeatStep) or one.most >= 1


@settings(LIGHT, max_examples=120)
@given(document=documents(), seed=SEEDS)
def test_valid_document_compiles_to_a_sound_plan(document: dict[str, Any], seed: int) -> None:
    text = dump(document, Random(seed))
    compilation = compile_text(text)
    assert [one.render() for one in compilation.errors] == [], text
    publication = compilation.require()
    plan = publication.plans["welcome"]
    assert Plan.model_validate_json(plan.model_dump_json()) == plan
    assert Publication.model_validate_json(publication.model_dump_json()).digest() == publication.digest()
    check_plan(plan)


@settings(LIGHT, max_examples=30)
@given(document=documents(), seeds=st.tuples(SEEDS, SEEDS))
def test_plan_does_not_hang_on_how_the_document_is_written(
    document: dict[str, Any], seeds: tuple[int, int]
) -> None:
    first, second = (
        compile_text(dump(document, Random(seed))).require().digests()["plan:welcome"] for seed in seeds
    )
    assert first == second


NODES: list[Any] = [
    "",
    "x",
    "5 days",
    "lead.employees > 5",
    "run.top-0.status",
    "{{ a }}",
    "true",
    True,
    0,
    -1,
    10**30,
    1.10,
    None,
    [],
    {},
    [[]],
    {"exit": "x"},
    {"exit": "x", "go": "top-0"},
    {"did": "page_viewed"},
    {"all": [{"not": {}}]},
    {"event": "email_clicked", "of": "top-0", "go": "top-0"},
    {"id": "top-0", "wait": "1 day"},
    {"repeat": {"max": 1, "steps": [{"go": "top-0"}]}},
    "名前：資料",
    "\u3000",
    "a" * 300,
    "(" * 200,
    "!" * 200,
]
KEYS = ["id", "go", "then", "steps", "of", "since", "until", "within", "allow", "on_x", "x", "名前", "", "on"]


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield (container, key) of every value in a document."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in list(pairs):
        yield value, key
        yield from places(one)


def copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: copied(one) for key, one in value.items()}
    return [copied(one) for one in value] if isinstance(value, list) else value


def mutate(document: dict[str, Any], random: Random) -> None:
    """Change one place of a document: leave it out, say it twice, put another value or key there."""
    found = list(places(document))
    if not found:
        return
    holder, key = random.choice(found)
    other_holder, other_key = random.choice(found)
    kind = random.choice(["drop", "double", "node", "swap", "key"])
    if kind == "drop":
        del holder[key]
    elif kind == "double" and isinstance(holder, list):
        holder.insert(key, copied(holder[key]))
    elif kind == "swap":
        value = copied(other_holder[other_key])
        other_holder[other_key] = copied(holder[key])
        holder[key] = value
    elif kind == "key" and isinstance(holder, dict):
        holder[random.choice([*KEYS, *(one for place, one in found if isinstance(place, dict))])] = (
            holder.pop(key)
        )
    else:
        holder[key] = copied(random.choice(NODES))


@settings(LIGHT, max_examples=300)
@given(document=documents(most=3), seed=SEEDS, count=st.integers(1, 6))
def test_changed_document_gives_a_publication_or_errors(
    document: dict[str, Any], seed: int, count: int
) -> None:
    random = Random(seed)
    changed = copied(document)
    for _ in range(count):
        mutate(changed, random)
    compilation = compile_text(dump(changed, random))
    assert (compilation.publication is None) == bool(compilation.errors)
    for one in compilation.diagnostics:
        assert one.render("ja")
        assert one.line >= 1
    for plan in compilation.publication.plans.values() if compilation.publication else ():
        assert Plan.model_validate_json(plan.model_dump_json()) == plan


WORDS = [
    "steps:",
    "entry:",
    "\n",
    "\n  - ",
    "  ",
    ": ",
    "if: ",
    "all: [",
    "]",
    "{",
    "}",
    ",",
    "did: ",
    "go: ",
]


@settings(LIGHT, max_examples=200)
@given(
    parts=st.lists(
        st.one_of(st.sampled_from(WORDS), st.text(max_size=12), st.sampled_from(["wait: 1 day", "id: a"]))
    ),
    name=st.sampled_from(["welcome", "workspace", "segments", "scoring", "lifecycle", "streams"]),
)
def test_random_text_gives_nothing_but_reports(parts: list[str], name: str) -> None:
    data = "".join(parts).encode("utf-8", "surrogatepass")
    with tempfile.TemporaryDirectory() as folder:
        files = {**files_of("scenario: welcome\n"), f"scenarios/{name}.yaml": data}
        compilation = compile_workspace(write(Path(folder), files))
    assert compilation.publication is None
    assert compilation.errors
