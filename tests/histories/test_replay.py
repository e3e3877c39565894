"""Every recorded history replays with today's workflow code, so that a deploy breaks no journey."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer

from leadloop.contracts import MAKE_CALL, TAKE_TURN
from workflows.journey import JourneyWorkflow
from workflows.watermark import WatermarkWorkflow

FOLDER = Path(__file__).parent
HISTORIES = sorted(FOLDER.rglob("*.json"))
SHAPES = {
    "timed_out",
    "clicked",
    "unsubscribed",
    "sold",
    "called",
    "database_away",
    "left_while_tried_again",
}
_PERSONAL = re.compile(r"@|kaisha|山田|taro|sato|suzuki", re.IGNORECASE)


def _name(path: Path) -> str:
    return path.relative_to(FOLDER).with_suffix("").as_posix()


@pytest.mark.parametrize(
    ("batch", "shapes"),
    [
        ("first", SHAPES),
        ("described", SHAPES | {"moved"}),
        ("caught", {"database_hung", "watermark"}),
        ("answered", SHAPES - {"database_away"} | {"moved"}),
    ],
)
def test_there_are_histories(batch: str, shapes: set[str]) -> None:
    """Each batch is what one state of `workflows/` wrote; none is ever recorded anew."""
    assert {path.stem for path in (FOLDER / batch).glob("*.json")} >= shapes


@pytest.mark.parametrize(
    ("history", "text"),
    [
        ("first/called", f'"name": "{MAKE_CALL}"'),
        ("described/called", f'"name": "{MAKE_CALL}"'),
        ("first/database_away", f'"name": "{TAKE_TURN}"'),
        ("described/database_away", f'"name": "{TAKE_TURN}"'),
        ("caught/database_hung", '"timeoutType": "TIMEOUT_TYPE_START_TO_CLOSE"'),
        ("caught/watermark", "EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW"),
    ],
)
def test_history_shows_what_its_name_says(history: str, text: str) -> None:
    assert text in _text(FOLDER / f"{history}.json")


@pytest.mark.parametrize("shape", ["clicked", "sold", "unsubscribed"])
def test_history_of_an_answered_journey_holds_its_answers_and_no_question(shape: str) -> None:
    text = _text(FOLDER / "answered" / f"{shape}.json")
    assert "EVENT_TYPE_MARKER_RECORDED" not in text
    assert any('"turn":{"status":"committed"' in payload for payload in _payloads(json.loads(text)))


def test_history_of_a_move_changes_a_search_attribute() -> None:
    text = (FOLDER / "described" / "moved.json").read_text()
    assert text.count("EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES") == 2  # all at first, then the version


@pytest.mark.parametrize("path", HISTORIES, ids=_name)
async def test_r1_history_replays(path: Path) -> None:
    workflows = [JourneyWorkflow, WatermarkWorkflow]
    replayer = Replayer(workflows=workflows, data_converter=pydantic_data_converter)
    await replayer.replay_workflow(WorkflowHistory.from_json(path.stem, _text(path)))


@pytest.mark.parametrize("path", HISTORIES, ids=_name)
def test_history_holds_no_personal_data(path: Path) -> None:
    text = _text(path)
    payloads = list(_payloads(json.loads(text)))
    assert any('_id":' in payload for payload in payloads)
    found = [match[0] for one in (text, *payloads) for match in _PERSONAL.finditer(one)]
    assert found == []


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _payloads(node: object) -> Iterator[str]:
    """Yield what travelled as data, decoded."""
    if isinstance(node, dict):
        for name, value in node.items():
            if name == "data" and isinstance(value, str):
                yield base64.b64decode(value).decode()
            else:
                yield from _payloads(value)
    elif isinstance(node, list):
        for value in node:
            yield from _payloads(value)
