"""A run that is killed at any moment can be resumed, and nothing in its folder is damaged."""

import errno
import io
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from runpy import run_path

import numpy as np
import pytest
from command_line import assert_one_clear_line, run
from patience import PATIENCE_S
from places import ROOT

from msemu.cli.training import train
from msemu.errors import MsemuError
from msemu.files import remove_partial
from msemu.motion.clip import MotionClip
from msemu.rl.checkpoints import checkpoint
from msemu.rl.run_folder import RunFolder
from msemu.schema import TrainCfg

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
    deadline = time.monotonic() + PATIENCE_S
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
    deadline = time.monotonic() + PATIENCE_S
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


NO_ROOM = OSError(errno.ENOSPC, "No space left on device")


def fail_in_tensorboards_thread(patch: pytest.MonkeyPatch) -> None:
    def write(self: object, data: bytes) -> None:
        raise NO_ROOM

    patch.setattr("tensorboard.summary.writer.record_writer.RecordWriter.write", write)


def fail_to_write_a_checkpoint(patch: pytest.MonkeyPatch) -> None:
    class Full(io.BufferedWriter):
        def write(self, data: object) -> int:
            raise NO_ROOM

    patch.setattr("msemu.rl.checkpoints.checkpoint.open", lambda path, mode: Full(io.FileIO(path, "w")), raising=False)


def fail_to_flush(patch: pytest.MonkeyPatch) -> None:
    def flush(handle: int) -> None:
        raise NO_ROOM

    patch.setattr("os.fsync", flush)


def fail_to_make_a_file(patch: pytest.MonkeyPatch) -> None:
    def touch(self: Path, mode: int = 0o666, exist_ok: bool = True) -> None:
        raise OSError(errno.EROFS, "Read-only file system", str(self))

    patch.setattr("pathlib.Path.touch", touch)


@pytest.mark.parametrize(
    "fail", [fail_in_tensorboards_thread, fail_to_write_a_checkpoint, fail_to_flush, fail_to_make_a_file]
)
def test_a_disk_that_fails_midway_ends_training_in_one_line(
    fail: Callable[[pytest.MonkeyPatch], None], march: MotionClip, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    march.save(tmp_path / "march.npz")
    words = f"--motion {tmp_path}/march.npz --runs-dir {tmp_path}/runs --device cpu --sim.device cpu --num-envs 2"
    small = "--agent.num-steps-per-env 2 --agent.save-interval 1 --agent.algorithm.num-mini-batches 1 --iterations 9"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "msemu.cli.training.TrainingDisplay.show",
            lambda self, iteration: fail(patch) if iteration.number == 1 else None,
        )
        result = run("train", TASK, *words.split(), *small.split())
    assert_one_clear_line(result, *(["Read-only"] if fail is fail_to_make_a_file else ["No space left on device"]))
    assert "Traceback" not in capfd.readouterr().err
    folder = RunFolder.latest(TASK, tmp_path / "runs")
    last = folder.next_iteration() - 1
    assert checkpoint.read(folder.checkpoint("last"), "cpu")["iter"] == last <= 1
    assert not partial_files(folder.path)
    resumed = run("train", TASK, "--resume", folder.path, "--iterations", "1", "--device", "cpu", "--sim.device", "cpu")
    assert resumed.returncode == 0 and folder.next_iteration() == last + 2


def test_output_that_nobody_can_store_ends_in_one_line() -> None:
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-m", "msemu.cli.train", "--list"]
        result = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
    assert result.returncode == 2
    assert result.stderr.splitlines()[0].startswith("error: the output: No space left on device")
    assert len(result.stderr.splitlines()) == 1


def test_a_little_of_what_the_fuzzer_does(train_cfg: TrainCfg, tmp_path: Path) -> None:
    """All of it: ``tools/fuzz/fuzz_runs.py``."""
    tool = run_path(str(ROOT / "tools/fuzz/fuzz_runs.py"))
    trained = RunFolder.open(train(TASK, replace(train_cfg, iterations=2)))
    random = np.random.default_rng(3)
    table = tool["damaged_checkpoints"](trained, 56, random, tmp_path)
    table |= tool["damaged_clips"](trained.path / "motion.npz", 30, random, tmp_path)
    assert len(table) == 12 and all(counts["done"] >= 6 for counts in table.values())
    assert [name for name, counts in table.items() if any(counts[column] for column in tool["BAD"])] == []
    assert sum(counts["refused"] for counts in table.values()) > 80
