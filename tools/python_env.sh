# Sourced by the other scripts: makes .venv in the repository and installs msemu into it with the tested versions.
# Usage: source tools/python_env.sh [EXTRA]     (EXTRA: test)

cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

find_python() {
    local candidate
    for candidate in "${PYTHON:-python3}" python3.13 python3.12 python3.11; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    echo "error: no Python 3.11 or newer found; install one, or name it: PYTHON=/path/to/python3 $0" >&2
    return 1
}

make_environment() {
    local extra=$1 python
    if [ ! -x .venv/bin/python ]; then
        python=$(find_python) || return
        echo "== making .venv with $("$python" --version)"
        if ! "$python" -m venv .venv; then
            echo "error: cannot make .venv; on Debian and Ubuntu: apt install python3-venv" >&2
            rm -rf .venv
            return 1
        fi
    fi
    # A stamp of what was asked for makes a second run start at once.
    local wanted
    wanted=$(cat setup.py constraints.txt pyproject.toml | cksum)$extra
    if [ "$(cat .venv/msemu-installed 2>/dev/null)" != "$wanted" ]; then
        echo "== installing msemu and what it needs into .venv (a few minutes the first time)"
        .venv/bin/python -m pip install --progress-bar on -c constraints.txt -e ".${extra:+[$extra]}" || return
        echo "$wanted" >.venv/msemu-installed
    fi
}
