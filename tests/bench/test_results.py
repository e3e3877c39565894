"""The rows that benches write."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.results import read, record


def test_record_writes_a_row_with_its_target(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "out" / "results.json"
    record("applier", 1200, "events/s", at_least=1000, file=file)
    record("ingest, p99", 61.5, "ms", at_most=50, file=file)
    record("ingest, one a request", 412, "events/s", file=file)
    assert read(file) == [
        {"name": "applier", "value": 1200, "unit": "events/s", "target": 1000, "ok": True},
        {"name": "ingest, p99", "value": 61.5, "unit": "ms", "target": 50, "ok": False},
        {"name": "ingest, one a request", "value": 412, "unit": "events/s", "target": None, "ok": True},
    ]
    assert "ingest, p99: 61.5 ms; at most 50: MISSED" in capsys.readouterr().out


def test_record_replaces_its_own_row_only(tmp_path: Path) -> None:
    file = tmp_path / "results.json"
    for value in (3.0, 2.0):
        record("a", value, "s", file=file)
        record("b", value, "s", file=file)
    assert [(row["name"], row["value"]) for row in read(file)] == [("a", 2.0), ("b", 2.0)]


def test_record_with_two_targets_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="one target"):
        record("a", 1, "s", at_most=1, at_least=1, file=tmp_path / "results.json")
    assert read(tmp_path / "results.json") == []
