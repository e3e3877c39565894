"""Where benches put their figures: a printed line, and a row of `bench/out/results.json`.

A row is `{"name", "value", "unit", "target", "ok"}`. A bench that runs again replaces its row; the
rows of other benches stay. Run benches from the top folder, as modules: `python -m bench.NAME`.
"""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path
from typing import TypedDict

FILE = Path(__file__).parent / "out" / "results.json"


class Row(TypedDict):
    """One figure. `target` is None where the figure is only shown; `ok` is True then."""

    name: str
    value: float
    unit: str
    target: float | None
    ok: bool


def record(
    name: str,
    value: float,
    unit: str,
    *,
    at_most: float | None = None,
    at_least: float | None = None,
    file: Path = FILE,
) -> Row:
    """Print a figure with its target, write its row, and return it.

    Raises `ValueError` where both targets are given.
    """
    if at_most is not None and at_least is not None:
        raise ValueError("a figure has one target: at most, or at least")
    target = at_most if at_least is None else at_least
    ok = (at_most is None or value <= at_most) and (at_least is None or value >= at_least)
    row = Row(name=name, value=round(value, 4), unit=unit, target=target, ok=ok)
    print(shown(row, "at most" if at_least is None else "at least"), flush=True)
    _put(row, file)
    return row


def shown(row: Row, word: str) -> str:
    """Return a row as people read it."""
    text = f"{row['name']}: {row['value']:,g} {row['unit']}".rstrip()
    if row["target"] is None:
        return text
    return f"{text}; {word} {row['target']:,g}: {'ok' if row['ok'] else 'MISSED'}"


def read(file: Path = FILE) -> list[Row]:
    """Return all rows; none where no bench has run yet."""
    return list(json.loads(file.read_text("utf-8"))) if file.exists() else []


def _put(row: Row, file: Path) -> None:
    """Replace the row of this name. Benches of two processes do not lose each other's rows."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        rows = [one for one in read(file) if one["name"] != row["name"]] + [row]
        new = file.with_suffix(".new")
        new.write_text(json.dumps(rows, indent=2, ensure_ascii=False) + "\n", "utf-8")
        os.replace(new, file)
