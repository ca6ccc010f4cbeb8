"""The script that measures a GPU, with a stand-in for the benchmarks that writes down how it was called."""

import os
import subprocess
from pathlib import Path

import pytest
from patience import PATIENCE_S
from places import ROOT

STAND_IN = """#!/bin/bash
echo "$@" >> "$CALLS"
[[ "$*" != *"$FAILS"* ]] || exit 1
while [ $# -gt 1 ]; do [ "$1" != --json ] || echo '{}' > "$2"; shift; done
"""


@pytest.fixture
def measure(tmp_path: Path):
    """Runs the script; returns its result, the calls that it made, and the folder of its figures."""
    program = tmp_path / "bin/msemu-bench"
    program.parent.mkdir()
    program.write_text(STAND_IN)
    program.chmod(0o755)
    calls, figures = tmp_path / "calls", tmp_path / "figures"
    calls.touch()

    def run(*arguments: str, fails: str = "nothing", **environment: str):
        path = f"{program.parent}:{os.environ['PATH']}"
        values = {
            **os.environ,
            "PATH": path,
            "CALLS": str(calls),
            "FAILS": fails,
            "MSEMU_MS_HUMAN_700": "",
            **environment,
        }
        command = ["bash", str(ROOT / "tools/measure_gpu.sh"), "--device", "cpu", *arguments, str(figures)]
        result = subprocess.run(command, env=values, capture_output=True, text=True, timeout=PATIENCE_S)
        return result, calls.read_text().splitlines(), figures

    return run


def test_the_most_important_figures_come_first(measure) -> None:
    result, calls, figures = measure("--minutes", "8", MSEMU_MS_HUMAN_700="somewhere")
    assert result.returncode == 0, result.stderr
    first = "train --bodies {} --num-envs 4096 --paths exact --engine warp --device cpu"
    assert calls[0].startswith(first.format("myofullbody"))
    assert calls[1].startswith(first.format("ms_human_700"))
    kinds = [call.split()[0] for call in calls]
    assert kinds[2:6] == ["paths", "paths", "train", "train"]
    assert all("--paths engine" in call for call in calls[4:6])
    assert {size for call in calls for size in ("1024", "2048", "8192") if f"--num-envs {size}" in call} == {
        "1024",
        "2048",
        "8192",
    }
    assert kinds[-1] == "muscle"
    assert len(list(figures.glob("*.json"))) == len(calls)


def test_what_fails_is_named_and_the_rest_is_measured(measure) -> None:
    result, calls, figures = measure("--tiny", fails="paths --body")
    assert result.returncode == 1
    assert "paths_myolegs" in result.stderr
    assert len(list(figures.glob("*.json"))) == len(calls) - 1 >= 4


@pytest.mark.parametrize("arguments", [("--minutes", "soon"), ("--minutes",), ("--fast",)])
def test_wrong_options_are_one_line(measure, arguments: tuple[str, ...]) -> None:
    result, calls, _ = measure(*arguments)
    assert result.returncode == 2
    assert result.stderr.startswith("error: ") and result.stderr.count("\n") == 1
    assert not calls


def test_msemu_comes_from_the_wheels_that_are_carried_along(measure, tmp_path: Path) -> None:
    """The machine's Python installs them into the folder of the figures and runs the benchmarks from there."""
    python = tmp_path / "bin/python3"
    python.write_text('#!/bin/bash\necho "$PYTHONPATH | $*" >> "$CALLS"\n')
    python.chmod(0o755)
    result, calls, _ = measure("--tiny", "--wheels", str(tmp_path))
    assert result.returncode == 2 and "holds no wheel" in result.stderr and not calls
    (tmp_path / "msemu-0.1.0-py3-none-any.whl").touch()
    result, calls, figures = measure("--tiny", "--wheels", str(tmp_path))
    assert "pip install" in calls[0] and f"--target {figures}/site" in calls[0] and "msemu-0.1.0" in calls[0]
    assert all(call.startswith(f"{figures}/site | -c from msemu") for call in calls[1:]) and len(calls) > 4


def test_what_runs_out_of_time_is_named_though_no_figure_was_made(measure) -> None:
    result, *_ = measure("--tiny", fails="--")
    assert result.returncode == 1 and "train_myolegs_2_exact" in result.stderr and "muscle" in result.stderr
