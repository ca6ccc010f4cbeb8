"""A run that is killed at any moment can be resumed, and nothing in its folder is damaged."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from command_line import run

from msemu.errors import MsemuError
from msemu.files import remove_partial
from msemu.motion.clip import MotionClip
from msemu.rl import checkpoint
from msemu.rl.run_folder import RunFolder

TASK = "Msemu-Track-MyoLegs-v0"


def partial_files(folder: Path) -> list[Path]:
    return list(folder.glob(".model_*.partial.pt"))


def start_training(clip: MotionClip, folder: Path, *arguments: str) -> tuple[subprocess.Popen[bytes], Path]:
    """Start a run that writes a checkpoint after every short iteration; wait for the first one."""
    clip.save(folder / "march.npz")
    command = [sys.executable, "-m", "msemu.cli.train", TASK, "--motion", str(folder / "march.npz")]
    command += ["--runs-dir", str(folder / "runs"), "--device", "cpu", "--sim.device", "cpu", "--num-envs", "2"]
    command += [
        "--agent.num-steps-per-env",
        "2",
        "--agent.save-interval",
        "1",
        "--agent.algorithm.num-mini-batches",
        "1",
    ]
    process = subprocess.Popen([*command, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 200
    while not (found := list((folder / "runs" / TASK).glob("*/model_0.pt"))):
        assert process.poll() is None, process.communicate()[1].decode()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return process, found[0].parent


def kill(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGKILL)
    process.communicate()


def after_a_while(folder: Path) -> None:
    """Any moment of a few iterations."""
    time.sleep(random.Random(str(folder)).uniform(0.05, 1.5))


def while_a_checkpoint_is_written(folder: Path) -> None:
    deadline = time.monotonic() + 60
    while not partial_files(folder):
        assert time.monotonic() < deadline


@pytest.mark.slow
@pytest.mark.parametrize("moment", [after_a_while, while_a_checkpoint_is_written])
def test_a_killed_run_goes_on_from_its_last_checkpoint(
    march: MotionClip, tmp_path: Path, moment: Callable[[Path], None]
) -> None:
    process, folder = start_training(march, tmp_path)
    moment(folder)
    kill(process)
    run_folder = RunFolder.open(folder)
    assert run_folder.load_config().num_envs == 2
    for path in (*run_folder.checkpoints(), *folder.glob("best.pt")):
        checkpoint.read(path, "cpu")
    last = run_folder.next_iteration()
    for count in (1, 2):
        arguments = ("--resume", folder, "--iterations", "1", "--device", "cpu", "--sim.device", "cpu")
        resumed = run("train", TASK, *arguments)
        assert resumed.returncode == 0, resumed.stderr
        assert run_folder.next_iteration() == last + count
    assert not partial_files(folder), "what the killed process left behind is removed"


@pytest.mark.slow
def test_a_run_killed_before_its_first_checkpoint_leaves_nothing_that_looks_like_a_run_to_resume(
    march: MotionClip, tmp_path: Path
) -> None:
    process, folder = start_training(march, tmp_path)
    kill(process)
    for path in folder.glob("*.pt"):
        path.unlink()
    arguments = ("--runs-dir", tmp_path / "runs", "--iterations", "1")
    result = run("train", TASK, "--resume", "latest", *arguments)
    assert result.returncode == 2 and "with a checkpoint" in result.stderr
    result = run("train", TASK, "--resume", folder, *arguments)
    assert result.returncode == 2 and "has no checkpoint" in result.stderr and "Traceback" not in result.stderr


def test_a_half_made_run_folder_is_no_run(tmp_path: Path) -> None:
    (tmp_path / ".config.yaml").write_text("task: Msemu-Tra")
    with pytest.raises(MsemuError, match="is not a run folder"):
        RunFolder.open(tmp_path)


def test_a_writer_that_is_killed_leaves_the_old_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "model_3.pt"
    checkpoint.write(path, {"value": 1})
    child = os.fork()
    if child == 0:

        class Killer:
            def __reduce__(self) -> tuple:
                os.kill(os.getpid(), signal.SIGKILL)
                return ()

        checkpoint.write(path, {"value": 2, "end": Killer()})
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    assert checkpoint.read(path, "cpu")["value"] == 1
    assert len(list(tmp_path.iterdir())) == 2
    remove_partial(tmp_path)
    assert list(tmp_path.iterdir()) == [path]
