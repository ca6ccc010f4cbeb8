"""Every figure of ``msemu-bench`` is measured once, with as little as makes one; some have tests of their own."""

import json
from pathlib import Path

import pytest
from command_line import run
from real_clips import recording_of

from msemu.cli.commands import COMMANDS
from msemu.motion.clip import MotionClip

ROUNDS = ("--rounds", "2", "--steps", "2", "--threads", "1")
LEAST = {
    "capacity": ("--num-envs", "2", "--seconds", "0.1", "--device", "cpu"),
    "decoder": ("--bodies", "myolegs", "--num-envs", "2", *ROUNDS),
    "env": ("--num-envs", "2", *ROUNDS),
    "motion": ("--bodies", "myolegs", "--motions", "walk", "--rounds", "1"),
    "muscle": ("--bodies", "myolegs", "--num-envs", "2", "--step-num-envs", "2", *ROUNDS),
    "paths": ("--num-envs", "2", *ROUNDS),
}


def test_no_subcommand_is_without_a_test() -> None:
    assert {name for words in COMMANDS for group, _, name in [words.partition(" ")] if group == "bench"} == {
        *LEAST,
        "train",
        "step",
        "prior",
    }


@pytest.mark.parametrize("name", LEAST)
def test_a_figure_is_measured(name: str, march: MotionClip, tmp_path: Path) -> None:
    options = LEAST[name]
    if name in ("decoder", "env"):
        march.save(tmp_path / "march.npz")
        options += ("--motion", str(tmp_path / "march.npz"))
    if name == "motion":
        recording_of("walk")
    result = run("bench", name, *options, "--json", tmp_path / "figures.json")
    assert result.returncode == 0, result.stderr
    assert result.stdout and json.loads((tmp_path / "figures.json").read_text())
