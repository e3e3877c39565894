"""All workflow tests once more, with workers that keep no workflow: every task replays its history."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.fault
def test_t11_workflow_tests_pass_without_a_cache() -> None:
    command = [sys.executable, "-m", "pytest", "-x", "tests/workflows", "--max-cached-workflows=0"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=900)
    assert result.returncode == 0, result.stdout[-3000:]
