"""Measure how long `leadloop check` takes, from the start of the process to its end.

    python -m bench.check_speed [--runs 11]

Marketers run it after every change of one file, so that should stay under half a second; a large
workspace of 100 scenarios, made of copies of the shipped ones with templates of their own, under
three. Prints the fastest and the middle run of each, with the processor time of the middle one;
exit 1 where a middle run is over its limit.
"""

from __future__ import annotations

import argparse
import compileall
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import NamedTuple

from bench.results import record

ROOT = Path(__file__).parent.parent
PROGRAM = Path(sys.executable).with_name("leadloop")
ONE_FILE = "scenarios/whitepaper-nurture.yaml"
SHARED = ("workspace", "scoring", "lifecycle", "streams", "segments")
SHARED_TEMPLATES = ("layouts", "notify", "tips")
SCENARIOS = 100


class Run(NamedTuple):
    """Seconds of one run: on the clock, and of the processor."""

    clock: float
    processor: float


def make_workspace(folder: Path, count: int) -> None:
    """Write the shipped workspace with copies of its scenarios, `count` in all.

    All join one group, because otherwise copies would greet the same lead twice. A scenario that
    recycles lost deals is not copied: two of one reason are an error.
    """
    for name in ("scenarios", "templates"):
        shutil.copytree(ROOT / name, folder / name)
    texts = {path.stem: path.read_text(encoding="utf-8") for path in (ROOT / "scenarios").glob("*.yaml")}
    names = [name for name in sorted(texts) if name not in SHARED]
    copied = [name for name in names if "recycle:" not in texts[name]]
    folders = [one.name for one in (ROOT / "templates").iterdir() if one.name not in SHARED_TEMPLATES]
    for name in names:
        (folder / "scenarios" / f"{name}.yaml").write_text(_grouped(texts[name]), encoding="utf-8")
    for number in range(count - len(names)):
        name, copy = copied[number % len(copied)], number // len(copied) + 2
        text = re.sub(rf"\bscenario: ({'|'.join(copied)})\b", rf"scenario: \1-{copy}", texts[name])
        text = re.sub(rf"\b({'|'.join(folders)})(?=/)", rf"\1-{copy}", text)
        (folder / "scenarios" / f"{name}-{copy}.yaml").write_text(_grouped(text), encoding="utf-8")
        copying = partial(_copy, number=copy)
        for one in folders:
            target = folder / "templates" / f"{one}-{copy}"
            shutil.copytree(ROOT / "templates" / one, target, copy_function=copying, dirs_exist_ok=True)


def _copy(source: str, target: str, number: int) -> None:
    """Copy a template with a line more, so that no two are the same text."""
    text = Path(source).read_text(encoding="utf-8")
    Path(target).write_text(f"{text}\n<!-- {number} -->\n", encoding="utf-8")


def _grouped(text: str) -> str:
    """Return a scenario in a group."""
    if re.search(r"^group:", text, re.MULTILINE):
        return text
    return re.sub(r"^(scenario: .*)$", r"\1\ngroup: copies", text, count=1, flags=re.MULTILINE)


def measure(runs: int, folder: Path, *arguments: str) -> list[Run]:
    """Return the time of each run. Stops with the program's output where it fails."""
    found = []
    for _ in range(runs):
        before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        result = subprocess.run([PROGRAM, "check", *arguments], cwd=folder, capture_output=True, text=True)
        clock = time.perf_counter() - started
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        found.append(Run(clock, used))
        if result.returncode != 0:
            sys.exit(f"`leadloop check` failed:\n{result.stdout}{result.stderr}")
    return found


def tell(what: str, runs: list[Run], limit: float) -> bool:
    """Print the figures and write the row; return whether the middle run is within the limit."""
    middle = statistics.median(one.clock for one in runs)
    processor = statistics.median(one.processor for one in runs)
    print(
        f"fastest {min(runs).clock:.3f} s of {len(runs)} runs, processor {processor:.3f} s in the middle one"
    )
    return record(what, middle, "s", at_most=limit)["ok"]


def main() -> int:
    """Measure, print, compare with the limits."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=11)
    parser.add_argument("--limit", type=float, default=0.5, help="seconds for one file")
    parser.add_argument("--limit-many", type=float, default=3.0, help=f"seconds for {SCENARIOS} scenarios")
    arguments = parser.parse_args()
    compileall.compile_dir(ROOT / "leadloop", quiet=1)
    one = tell("leadloop check, one file", measure(arguments.runs, ROOT, ONE_FILE), arguments.limit)
    tell("leadloop check, the shipped workspace", measure(arguments.runs, ROOT), arguments.limit_many)
    with tempfile.TemporaryDirectory() as name:
        make_workspace(Path(name), SCENARIOS)
        runs = measure(max(3, arguments.runs // 3), Path(name))
        many = tell(f"leadloop check, {SCENARIOS} scenarios", runs, arguments.limit_many)
    return 0 if one and many else 1


if __name__ == "__main__":
    sys.exit(main())
