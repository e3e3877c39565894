"""Run the tests marked `fault`. They are few and slow, so `make test` leaves them out."""

from __future__ import annotations

import sys

import pytest


def main() -> int:
    """Run them and return pytest's exit code; say so where there is none yet."""
    code = pytest.main(["-m", "fault", *sys.argv[1:]])
    if code == pytest.ExitCode.NO_TESTS_COLLECTED:
        print("There are no tests marked `fault` yet.")
        return 0
    return int(code)


if __name__ == "__main__":
    sys.exit(main())
