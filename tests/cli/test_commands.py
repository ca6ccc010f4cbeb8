"""The commands as a user runs them, with wrong input above all."""

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import assert_one_clear_line, run
from patience import PATIENCE_S
from rich.console import Console

from msemu.cli.training import TrainingDisplay
from msemu.motion.clip import MotionClip
from msemu.registry import list_tasks
from msemu.rl.progress import Iteration

TASK = "Msemu-Track-MyoLegs-v0"


@pytest.fixture(scope="module")
def clip_path(march: MotionClip, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clips") / "march.npz"
    march.save(path)
    return path


@pytest.fixture(scope="module")
def trained(clip_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    runs = tmp_path_factory.mktemp("runs")
    arguments = ("--motion", clip_path, "--iterations", "2", "--num-envs", "4", "--runs-dir", runs, "--device", "cpu")
    result = run("train", TASK, *arguments)
    assert result.returncode == 0, result.stderr
    return runs


def test_the_task_list_names_every_task() -> None:
    output = run("train", "--list").stdout
    assert all(spec.id in output for spec in list_tasks())


def test_every_configuration_field_is_an_option() -> None:
    output = run("train", TASK, "--help-all").stdout
    for option in (
        "--num-envs",
        "--minutes",
        "--resume",
        "--sim.timestep-s",
        "--env.terminations.body-position-deviation.limit",
        "--env.rewards.joint-angle.weight",
        "--env.action",
        "--agent.algorithm.learning-rate",
        "--agent.actor.hidden-dims",
    ):
        assert option in output


def test_train_evaluate_and_resume(trained: Path, tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    arguments = ("--runs-dir", trained, "--episodes", "4", "--seconds", "0.4", "--json", figures)
    result = run("eval", TASK, *arguments, "--plots", tmp_path / "plots")
    assert result.returncode == 0, result.stderr
    measured = json.loads(figures.read_text())
    for key in (
        "joint_angle_error_deg",
        "root_rotation_error_deg",
        "body_position_error_cm",
        "root_translation_error_cm",
        "survival",
    ):
        assert isinstance(measured[key], float) and measured[key] >= 0
    assert len(measured["joint_angle_error_deg_by_joint"]) == 14
    plots = {"error_by_joint.png", "errors_over_time.png", "muscles_over_time.png"}
    assert {path.name for path in (tmp_path / "plots").iterdir()} == plots
    assert run("eval", TASK, *arguments).returncode == 0
    assert json.loads(figures.read_text()) == measured, "the same seed gives the same figures"
    resumed = run("train", TASK, "--resume", "latest", "--iterations", "1", "--runs-dir", trained)
    assert resumed.returncode == 0 and "model_2.pt" in re.sub(r"\s", "", resumed.stdout), resumed.stderr
    renamed = run("train", TASK, "--resume", "latest", "--runs-dir", trained, "--run-name", "other")
    assert_one_clear_line(renamed, "keeps its name; leave --run-name out")
    (folder,) = (trained / TASK).iterdir()
    moved = run("train", TASK, "--resume", folder, "--runs-dir", tmp_path)
    assert_one_clear_line(moved, f"is not below {tmp_path}; leave --runs-dir out")


def test_the_last_iteration_is_shown() -> None:
    means = {"Error/joint_angle_deg": 1.0, "Error/body_position_cm": 2.0, "Episode/failures_per_step": 0.01}
    console = Console(file=io.StringIO(), width=200)
    with TrainingDisplay(console, 3, None) as display:
        for number in range(3):
            display.show(Iteration(number, means, 100.0, number))
    lines = console.file.getvalue().splitlines()
    assert [line.split()[3] for line in lines] == ["0", "2"], "one every ten seconds, and the last"


def test_bench_measures_a_ratio(clip_path: Path, tmp_path: Path) -> None:
    figures = tmp_path / "bench.json"
    arguments = ("--num-envs", "2", "--rounds", "2", "--steps", "2", "--motion", clip_path, "--json", figures)
    assert run("bench", "env", *arguments).returncode == 0
    measured = json.loads(figures.read_text())
    assert measured["env_steps_per_s"] > 0 and measured["physics_ratio"] > 0
    assert_one_clear_line(run("bench", "env", "--body", "centaur"), "unknown body 'centaur'", "myolegs")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("Msemu-Walk-MyoLeg-v0",), ("unknown task", "Msemu-Walk-MyoLegs-v0")),
        ((TASK,), ("needs a motion", "--motion")),
        ((TASK, "--motion", "nowhere.npz"), ("no clip at nowhere.npz",)),
        (("--iterations", "3"), ("the task comes first",)),
        ((TASK, "--motion", "x.npz", "--num-envs", "0"), ("--num-envs",)),
        ((TASK, "--motion", "x.npz", "--body", "centaur"), ("centaur",)),
        ((TASK, "--resume", "latest", "--runs-dir", "/nonexistent"), ("no run of", "train one first")),
        ((TASK, "--resume", "/nonexistent"), ("is not a run folder",)),
    ],
)
def test_wrong_training_arguments_end_in_one_line(arguments: tuple[str, ...], words: tuple[str, ...]) -> None:
    assert_one_clear_line(run("train", *arguments), *words)


def test_a_device_that_is_not_there_is_refused(clip_path: Path) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has a CUDA device")
    assert_one_clear_line(run("train", TASK, "--motion", clip_path, "--device", "cuda"), "no CUDA device", "use cpu")


def test_a_clip_of_another_body_is_refused(clip_path: Path) -> None:
    result = run("train", "Msemu-Track-MyoFullBody-v0", "--motion", clip_path)
    assert_one_clear_line(result, "made for body 'myolegs', not 'myofullbody'", "flex_extension")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_named(clip_path: Path, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    result = run("train", TASK, "--motion", clip_path, "--runs-dir", tmp_path / "runs")
    assert_one_clear_line(result, "cannot write the run folder", "--runs-dir")


def test_a_run_folder_in_place_of_a_file_is_named(clip_path: Path, tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("not a folder")
    result = run("train", TASK, "--motion", clip_path, "--runs-dir", tmp_path / "runs", "--iterations", "1")
    assert_one_clear_line(result, "cannot write the run folder", "--runs-dir")


def test_a_file_in_place_of_the_plot_folder_is_named(trained: Path, tmp_path: Path) -> None:
    (tmp_path / "plots").write_text("not a folder")
    arguments = ("--runs-dir", trained, "--episodes", "2", "--seconds", "0.1", "--plots", tmp_path / "plots")
    assert_one_clear_line(run("eval", TASK, *arguments), str(tmp_path / "plots"), "File exists")


@pytest.mark.parametrize("name", ["eval", "play"])
def test_a_run_that_does_not_exist_is_named(name: str, tmp_path: Path) -> None:
    assert_one_clear_line(
        run(name, "no-such-run", "--runs-dir", tmp_path), "neither a run folder nor a task nor a policy"
    )


@pytest.mark.parametrize(
    "command", [("eval",), ("play",), ("analyze", "gait"), ("bench", "capacity"), ("bench", "prior")]
)
@pytest.mark.parametrize("seconds", ["nan", "inf", "0", "-1", "1e9"])
def test_a_length_of_time_that_is_none_is_refused(command: tuple[str, ...], seconds: str) -> None:
    name, *rest = command
    of = () if name == "bench" else (TASK,)
    assert_one_clear_line(run(name, *rest, *of, "--seconds", seconds), "--seconds: ", "is not above 0 and at most 3600")


@pytest.mark.parametrize("option", ["--json", "--plots"])
def test_results_that_have_no_place_are_refused_before_measuring(option: str, trained: Path, tmp_path: Path) -> None:
    blocking = tmp_path / "file"
    blocking.touch()
    result = run("eval", TASK, "--runs-dir", trained, option, blocking / "inside" / "figures")
    assert_one_clear_line(result, "cannot make the folder")
    assert "evaluating" not in result.stdout


@pytest.mark.parametrize("seconds", ["0.001", "0.02"])
def test_the_shortest_episode_is_one_control_step(seconds: str, trained: Path, tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    options = ("--episodes", "2", "--seconds", seconds, "--json", figures, "--plots", tmp_path)
    assert run("eval", TASK, "--runs-dir", trained, *options).returncode == 0
    assert json.loads(figures.read_text())["episode_length_s"] == 0.02


@pytest.mark.parametrize(
    ("option", "value"), [("--iterations", "0"), ("--iterations", "-3"), ("--minutes", "nan"), ("--minutes", "0")]
)
def test_a_training_of_no_length_is_refused(option: str, value: str, clip_path: Path, tmp_path: Path) -> None:
    result = run("train", TASK, "--motion", clip_path, "--runs-dir", tmp_path / "runs", option, value)
    assert_one_clear_line(result, f"{option}: {value} is not")
    assert not (tmp_path / "runs").exists()


def test_a_renderer_that_does_not_exist_is_refused(trained: Path, tmp_path: Path) -> None:
    video = tmp_path / "out.mp4"
    result = run("play", TASK, "--runs-dir", trained, "--video", video, "--renderer", "magic")
    assert result.returncode == 2 and "auto" in result.stderr and "lines" in result.stderr
    assert not video.exists()


def test_play_writes_a_video_of_the_policy(trained: Path, tmp_path: Path) -> None:
    video = tmp_path / "out.mp4"
    result = run("play", TASK, "--runs-dir", trained, "--video", video, "--seconds", "0.2", "--renderer", "lines")
    assert result.returncode == 0 and video.stat().st_size > 5_000, result.stderr


def test_a_damaged_checkpoint_keeps_what_is_on_disk(trained: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.pt"
    bad.write_bytes(b"PK\x03\x04 no")
    assert_one_clear_line(run("eval", TASK, "--runs-dir", trained, "--checkpoint", bad), str(bad), "truncated")
    assert bad.read_bytes() == b"PK\x03\x04 no"


def test_a_reader_that_has_read_enough_is_no_error() -> None:
    code = "import sys; sys.argv[1:] = ['--list']; from msemu.cli.train import main; main()"
    listing = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    listing.stdout.close()
    assert listing.stderr.read() == b"" and listing.wait(timeout=PATIENCE_S) == 0
