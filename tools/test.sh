#!/usr/bin/env bash
# Installs the test extra into .venv and runs the linter, the type checker and the whole suite, a process a core; arguments go to pytest.
set -euo pipefail
source "$(dirname "$0")/python_env.sh"
make_environment test
export WARP_CACHE_PATH=${WARP_CACHE_PATH:-$PWD/.warp_cache}
.venv/bin/ruff check .
.venv/bin/ruff format --check .
.venv/bin/mypy
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}
.venv/bin/python -m pytest --numprocesses auto --dist loadfile "$@"
