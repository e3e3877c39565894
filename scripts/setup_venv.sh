#!/usr/bin/env bash
# Make a virtual environment and install leadloop into it, exactly as requirements.lock says.
# Usage: setup_venv.sh [FOLDER [LOCK]]   With uv where it is on the PATH, else with Python's own venv and pip.
# LOCK is another lock file to install beside it: what the benches compare with.
set -euo pipefail

venv=${1:-.venv}
lock=${2:-requirements.lock}
python="$venv/bin/python"

is_new_enough() {
  "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

stop() {
  printf 'leadloop: %s\n' "$@" >&2
  exit 1
}

find_python() {
  local name
  for name in python3.11 python3 python3.12 python3.13 python3.14 python; do
    if is_new_enough "$name"; then
      command -v "$name"
      return
    fi
  done
  stop "Python 3.11 or newer is needed; found: $(python3 --version 2>/dev/null || echo 'no python3')." \
    "  Debian, Ubuntu: sudo apt-get install python3.11 python3.11-venv" \
    "  Fedora:         sudo dnf install python3.11" \
    "  macOS:          brew install python@3.11" \
    "  or install uv (https://docs.astral.sh/uv/), which brings its own Python."
}

make_venv_with_python() {
  local found version
  found=$(find_python)
  if ! "$found" -c 'import venv, ensurepip' >/dev/null 2>&1; then
    version=$("$found" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    stop "$found has no venv or no ensurepip. Debian and Ubuntu keep them in a package of their own:" \
      "  sudo apt-get install python$version-venv" \
      "Then run the same command again."
  fi
  "$found" -m venv "$venv"
}

if [ -e "$venv" ] && ! is_new_enough "$python"; then
  echo "leadloop: $venv has no working Python 3.11 or newer; making it again"
  rm -rf "$venv"
fi

if command -v uv >/dev/null 2>&1; then
  [ -e "$python" ] || uv venv --quiet --python '>=3.11' "$venv"
  uv pip install --quiet --python "$python" --require-hashes -r "$lock"
  uv pip install --quiet --python "$python" --no-deps --no-build-isolation -e .
else
  [ -e "$python" ] || make_venv_with_python
  "$python" -m pip --version >/dev/null 2>&1 || "$python" -m ensurepip >/dev/null
  pip=("$python" -m pip --disable-pip-version-check --quiet)
  "${pip[@]}" install --require-hashes -r "$lock"
  "${pip[@]}" install --no-deps --no-build-isolation -e .
fi
# Bytecode now, so that the first commands start as fast as the later ones.
"$python" -m compileall -q leadloop workflows activities worker.py
"$python" -m compileall -q "$venv"/lib/python*/site-packages >/dev/null 2>&1 || true
echo "leadloop is installed in $venv: try $venv/bin/leadloop --help"
