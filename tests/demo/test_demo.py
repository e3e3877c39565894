"""The demo as a user runs it, small: invariants and ranges, not exact counts."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
LEADLOOP = [str(Path(sys.executable).parent / "leadloop"), "demo"]


def children_of(state: Path) -> list[str]:
    """Return the processes that work in a state folder."""
    listing = subprocess.run(["ps", "-ewwo", "pid=,args="], capture_output=True, text=True, check=True).stdout
    return [line for line in listing.splitlines() if str(state) in line and " ps " not in line]


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "state"
    yield folder
    assert children_of(folder) == []


def test_demo_plays_the_whole_loop_and_the_checker_finds_no_breach(state: Path) -> None:
    done = subprocess.run(
        [*LEADLOOP, "--leads", "30", "--days", "20", "--seed", "1", "--exit", "--json",
         "--state", str(state)],
        cwd=PROJECT, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["doctor"]["ok"], document["doctor"]
    totals = document["totals"]
    assert totals["leads"] == 30
    assert 5 <= totals["entered"] <= 30
    assert totals["mails"] >= totals["opened"] >= totals["clicked"] >= 1
    assert totals["entered"] <= totals["mails"] <= 30 * 8
    assert 1 <= totals["mql"] <= totals["entered"]
    rows = {row["scenario"]: row for row in document["scenarios"]}
    assert set(rows) == {"whitepaper-nurture", "sales-handoff", "lost-deal-recycle"}
    for row in rows.values():
        assert row["entered"] == row["running"] + row["held"] + sum(row["outcomes"].values())
    assert document["first_mail_seconds"] is not None
    assert "mailbox:" in done.stderr


def test_demo_stops_everything_on_ctrl_c(state: Path) -> None:
    demo = subprocess.Popen(
        [*LEADLOOP, "--leads", "20", "--days", "300", "--state", str(state)],
        cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        assert demo.stdout is not None
        shown = ""
        for line in demo.stdout:
            shown += line
            if line.startswith("first mail"):
                break
        assert children_of(state) != [], shown
        demo.send_signal(signal.SIGINT)
        output, _ = demo.communicate(timeout=60)
    finally:
        if demo.poll() is None:
            demo.kill()
            demo.communicate()
            time.sleep(1)
    assert demo.returncode == 130, output
    assert "Traceback" not in output


def test_demo_refuses_a_workspace_without_its_forms(tmp_path: Path) -> None:
    new = [LEADLOOP[0], "new", "workspace", "other"]
    subprocess.run(new, cwd=tmp_path, check=True, capture_output=True)
    done = subprocess.run(
        [*LEADLOOP, "--workspace", str(tmp_path / "other"), "--state", str(tmp_path / "state"), "--exit"],
        cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "has no form" in done.stderr
