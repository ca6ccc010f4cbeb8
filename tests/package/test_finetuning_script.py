"""The script that fine-tunes on a GPU, with stand-ins for the commands that write down how they were called."""

import os
import subprocess
from pathlib import Path

import pytest
from patience import PATIENCE_S
from places import ROOT

STAND_IN = """#!/bin/bash
echo "$(basename "$0") $*" >> "$CALLS"
name=distilled
while [ $# -gt 0 ]; do
    case $1 in --run-name) name=$2 ;; --runs-dir) out=$2 ;; esac
    shift
done
if [[ $(basename "$0") != msemu-eval ]]; then
    mkdir -p "$out/Task/2026-01-01_00-00-00_$name"
    printf 'train:\\n  agent:\\n    num_steps_per_env: 64\\n' > "$out/Task/2026-01-01_00-00-00_$name/config.yaml"
fi
echo "    12 s  iteration 0  5 steps/s  joints 2.0 deg"
echo "    14 s  iteration 2  ${RATE}steps/s  joints 2.0 deg"
"""


@pytest.fixture
def finetune(tmp_path: Path):
    """Runs the script; returns its result and the calls that it made."""
    (tmp_path / "bin").mkdir()
    for name in ("msemu-train", "msemu-distill", "msemu-eval"):
        program = tmp_path / "bin" / name
        program.write_text(STAND_IN)
        program.chmod(0o755)
    calls = tmp_path / "calls"

    def run(*arguments: str, rate: str = "20000 "):
        calls.write_text("")
        values = {**os.environ, "PATH": f"{tmp_path}/bin:{os.environ['PATH']}", "CALLS": str(calls), "RATE": rate}
        command = ["bash", str(ROOT / "tools/gpu/finetune.sh"), *arguments, str(tmp_path / "out")]
        result = subprocess.run(command, env=values, capture_output=True, text=True, timeout=PATIENCE_S)
        return result, calls.read_text().splitlines()

    return run


def test_from_a_teacher_to_a_figure_in_one_command(finetune, tmp_path: Path) -> None:
    result, calls = finetune("--samples", "1000000", "--num-envs", "1024", "--agent", "add")
    assert result.returncode == 0, result.stderr
    assert [call.split()[0] for call in calls] == ["msemu-distill", "msemu-train", "msemu-train", "msemu-eval"]
    assert "Msemu-Walk-MyoLegs-v0 --pretrained --minutes 45" in calls[0]
    for call in calls[1:3]:
        assert f"--init {tmp_path}/out/Task/2026-01-01_00-00-00_distilled --agent add --sim.engine warp" in call
        assert "--sim.device cuda --device cuda --num-envs 1024" in call
    assert "--iterations 3 --run-name trial" in calls[1] and "--iterations 16 --run-name finetuned" in calls[2]
    assert calls[3].startswith(f"msemu-eval {tmp_path}/out/Task/2026-01-01_00-00-00_finetuned")


@pytest.mark.parametrize(("rate", "said"), [("20000 ", "0 h 00 min"), ("100 ", "2 h 54 min"), ("7 ", "41 h 36 min")])
def test_the_estimate_follows_the_speed_of_the_trial(finetune, rate: str, said: str) -> None:
    """16 iterations of 64 steps in 1024 environments: 1,048,576 steps."""
    arguments = ("--samples", "1000000", "--num-envs", "1024", "--estimate", "--run", "there")
    result, calls = finetune(*arguments, rate=rate)
    assert result.returncode == 0 and len(calls) == 1 and "--init there" in calls[0]
    assert result.stdout.splitlines()[-1].endswith(said) and "16 iterations of 64 steps" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--samples", "many"), "take whole numbers above 0, not many"),
        (("--num-envs", "0"), "take whole numbers above 0, not 0"),
        (("--gpu",), "unknown option --gpu"),
    ],
)
def test_wrong_options_are_one_line(finetune, arguments: tuple[str, ...], said: str) -> None:
    result, calls = finetune(*arguments)
    assert result.returncode == 2 and said in result.stderr and result.stderr.count("\n") == 1 and not calls
