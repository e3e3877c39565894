"""The demo's folders: found from anywhere, and only its own state is ever emptied."""

from __future__ import annotations

from pathlib import Path

import pytest

from leadloop.demo.folders import DemoError, empty_state, find_leads
from leadloop.embedded.processes import AlreadyRunningError, StateLock


def test_state_folder_of_an_earlier_run_is_emptied(tmp_path: Path) -> None:
    (tmp_path / "ports.json").write_text("{}")
    (tmp_path / "mailbox").mkdir()
    (tmp_path / "mailbox" / "a.eml").write_text("")
    empty_state(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["lock"]


def test_folder_with_other_things_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("important")
    with pytest.raises(DemoError, match="something else"):
        empty_state(tmp_path)
    assert (tmp_path / "thesis.txt").exists()


def test_state_folder_in_use_is_left_alone(tmp_path: Path) -> None:
    lock = StateLock(tmp_path)
    lock.acquire()
    (tmp_path / "leadloop.db").write_text("")
    try:
        with pytest.raises(AlreadyRunningError):
            empty_state(tmp_path)
    finally:
        lock.release()
    assert (tmp_path / "leadloop.db").exists()


def test_leads_are_found_in_the_project_where_the_workspace_has_none(tmp_path: Path) -> None:
    assert find_leads(tmp_path).name == "leads.csv"
