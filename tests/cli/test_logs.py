"""Logs go to standard error, from the level of the settings upwards."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

_PROGRAM = (
    "import structlog\n"
    "log = structlog.get_logger()\n"
    "from leadloop.cli.logs import start_logs\n"
    "start_logs()\n"
    "log.info('quiet_one')\n"
    "log.warning('loud_one', count=3)\n"
)


@pytest.mark.parametrize(("level", "quiet_shown"), [(None, False), ("info", True)])
def test_logs_go_to_standard_error_from_their_level(level: str | None, quiet_shown: bool) -> None:
    environment = {**os.environ, **({"LEADLOOP_LOG_LEVEL": level} if level else {})}
    result = subprocess.run(
        [sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=True, env=environment
    )
    assert result.stdout == ""
    assert "loud_one" in result.stderr
    assert "count=3" in result.stderr
    assert ("quiet_one" in result.stderr) is quiet_shown
