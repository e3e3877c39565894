"""M4: each guard is taken out of a copy of the source, and the tests that watch it must fail there."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.model.guards import GUARDS, Guard

ROOT = Path(__file__).parents[2]
COPIED = ("leadloop", "workflows", "activities", "tests", "scenarios", "templates", "demo", "docs")
_FAILED = 1
"""pytest's exit code for tests that failed, and not for a mistake in how they were called."""
_MOST_SECONDS = 900


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.name.replace(" ", "_"))
def test_m4_guard_is_where_its_patch_expects_it(guard: Guard) -> None:
    text = (ROOT / guard.file).read_text()
    assert [text.count(old) for old, _ in guard.patches] == [1] * len(guard.patches)


@pytest.mark.fault
@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.name.replace(" ", "_"))
def test_m4_tests_fail_without_the_guard(guard: Guard, tmp_path: Path) -> None:
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, tmp_path / name)
    for file in ROOT.glob("*.*"):
        if file.is_file():
            shutil.copy2(file, tmp_path / file.name)
    target = tmp_path / guard.file
    text = target.read_text()
    for old, new in guard.patches:
        text = text.replace(old, new)
    target.write_text(text)
    done = subprocess.run(
        [
            sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "--model-no-shrink",
            *guard.tests,
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=_MOST_SECONDS,
    )  # fmt: skip
    assert done.returncode == _FAILED, (
        f"{guard.name}: no test failed without it\n{done.stdout[-3000:]}{done.stderr[-1000:]}"
    )
