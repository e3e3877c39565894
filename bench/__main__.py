"""Run the benches one after the other, and show every row of `bench/out/results.json`.

    python -m bench [NAME …] [--full]

Without names all of them run. `--full` goes to those that have a larger size.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from bench.results import read

HERE = Path(__file__).parent
HAS_FULL = "--full"


def names() -> list[str]:
    """Return the benches: the files `*_speed.py` of this folder."""
    return sorted(path.stem.removesuffix("_speed") for path in HERE.glob("*_speed.py"))


def main() -> int:
    """Run, then print the rows; 1 where a bench failed or a target was missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(names())}")
    parser.add_argument(HAS_FULL, action="store_true", help="the larger size, where a bench has one")
    arguments = parser.parse_args()
    unknown = sorted(set(arguments.names) - set(names()))
    if unknown:
        parser.error(f"no bench {', '.join(unknown)}; there are {', '.join(names())}")
    failed = []
    for name in arguments.names or names():
        print(f"== {name}", flush=True)
        full = [HAS_FULL] if arguments.full and _takes_full(name) else []
        done = subprocess.run([sys.executable, "-m", f"bench.{name}_speed", *full], check=False)
        if done.returncode:
            failed.append(name)
    print("== all rows")
    for row in read():
        target = (
            ""
            if row["target"] is None
            else f"  (target {row['target']:,g}: {'ok' if row['ok'] else 'MISSED'})"
        )
        print(f"{row['name']}: {row['value']:,g} {row['unit']}{target}")
    if failed:
        print(f"over their limits or failed: {', '.join(failed)}")
    return 1 if failed else 0


def _takes_full(name: str) -> bool:
    return HAS_FULL in (HERE / f"{name}_speed.py").read_text("utf-8")


if __name__ == "__main__":
    sys.exit(main())
