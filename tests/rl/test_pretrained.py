"""The policies that come with msemu."""

import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from command_line import assert_one_clear_line, run
from shipped import PLAYABLE, SHIPPED

from msemu.analysis.rollout import measure_episodes, steps_with
from msemu.cli.train import parse
from msemu.cli.training import train
from msemu.config import read_yaml
from msemu.errors import MsemuError
from msemu.files import unwritten, write_text
from msemu.models import Body
from msemu.motion.clip import MotionClip
from msemu.registry import list_tasks
from msemu.rl import pretrained
from msemu.rl.assemble import open_policy
from msemu.rl.pretrained import FOLDER, PretrainedRun, find_run, publish
from msemu.rl.run_folder import RunFolder
from msemu.schema import TrainCfg


def test_the_policies_are_small_and_belong_to_tasks() -> None:
    assert SHIPPED
    known = {spec.id for spec in list_tasks()}
    for task in SHIPPED:
        assert PretrainedRun.of(task).task in known
        assert (FOLDER / task / "best.pt").stat().st_size < 5e6
        assert "/" not in (FOLDER / task / "provenance.yaml").read_text().split("versions:")[0]
        for name in ("config.yaml", "provenance.yaml"):
            assert not re.search(r"(^|[\s'\"=])/\w", (FOLDER / task / name).read_text()), "no path of any machine"


@pytest.mark.parametrize("task", PLAYABLE)
def test_a_policy_lasts_two_seconds_from_most_phases(task: str) -> None:
    policy = PretrainedRun.of(task)
    env, runner = open_policy(policy, policy.checkpoint("best"), 8, "cpu", seed=1)
    steps = steps_with(env.reference.clips[0], 100)
    errors = measure_episodes(env, runner.policy(), steps)
    survivors, degrees = (8, 3.0) if "Walk-MyoLegs" in task else (7, 6.0 if "-Run-" in task else 5.0)
    assert (errors.failed_at == steps).sum() >= survivors
    assert np.nanmean(errors.joint_angle_deg[:50]) < degrees  # up to the failure


def test_a_task_without_one_lists_those_that_have() -> None:
    result = run("play", "../secrets", "--pretrained")
    assert result.returncode == 2
    assert "no pretrained policy of '../secrets'" in result.stderr and SHIPPED[0] in result.stderr


def test_runs_of_a_task_come_before_the_policy_that_ships(
    train_cfg: TrainCfg, legs: Body, march: MotionClip, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    task, native = "Msemu-Walk-MyoLegs-v0", "Msemu-Walk-MyoLegs-v0-native"
    runs = Path(train_cfg.runs_dir)
    run = RunFolder.create(task, train_cfg, legs, [march])
    assert find_run(task, runs).path == FOLDER / task, "a run without a checkpoint is none yet"
    assert "the policy that comes with msemu is taken" in " ".join(capsys.readouterr().err.split())
    (run.path / "model_0.pt").touch()
    assert find_run(task, runs).path == run.path
    assert find_run(task, runs, pretrained=True).path == FOLDER / task
    assert find_run(native, runs).path == FOLDER / native and not capsys.readouterr().err
    assert isinstance(find_run(str(FOLDER / native), runs), PretrainedRun), "its folder will do as well"
    assert find_run(native, runs).words == f"{native} --pretrained"
    with pytest.raises(MsemuError, match=r"neither a run folder nor a task nor a policy .* did you mean"):
        find_run(f"{native}s", runs)
    with pytest.raises(MsemuError, match="no run of Msemu-Track-MyoLegs-v0 with a checkpoint"):
        find_run("Msemu-Track-MyoLegs-v0", runs)


def test_a_run_begins_with_a_policy_by_its_name_and_does_not_go_on_from_it(tmp_path: Path) -> None:
    task, native = "Msemu-Walk-MyoLegs-v0", "Msemu-Walk-MyoLegs-v0-native"
    cfg = parse(task, ["--init", native, "--agent", "ppo", "--runs-dir", str(tmp_path)])
    assert (cfg.init, cfg.checkpoint) == (str(FOLDER / native), str(FOLDER / native / "best.pt"))
    assert cfg.env.action.kind == "excitation" and cfg.motion == "walk"
    with pytest.raises(MsemuError, match=f"as a policy alone; begin a run with it: --init {native}"):
        parse(task, ["--resume", native])


def test_a_policy_that_cannot_be_exported_is_distilled_as_the_message_says(tmp_path: Path) -> None:
    """The words after ``msemu-distill`` are options of that command, and lead to the same policy and its clip."""
    result = run("export", "Msemu-Walk-MyoLegs-v0", "--pretrained")
    words = re.search(r"msemu-distill ([^,]+), then", result.stderr).group(1).split()
    options = ("--num-envs", "2", "--iterations", "1", "--runs-dir", tmp_path)
    result = run("distill", *words, *options)
    assert result.returncode == 0, result.stderr
    found = RunFolder.latest("Msemu-Walk-MyoLegs-v0", tmp_path)
    assert found.load_config().agent.algorithm["teacher"] == str((FOLDER / "Msemu-Walk-MyoLegs-v0").resolve())
    assert [clip.name for clip in found.load_clips()] == ["walk"]


def test_a_policy_without_its_body_or_its_clip_ends_in_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    words = ("play", "Msemu-Walk-MyoLegs-v0", "--pretrained", "--video", tmp_path / "walk.mp4")
    with monkeypatch.context() as patch:
        patch.setattr("importlib.util.find_spec", lambda name: None)
        assert_one_clear_line(run(*words), "is not installed; install it: pip install musclemimic-models")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    assert_one_clear_line(run(*words), "pybullet")
    assert not (tmp_path / "walk.mp4").exists()


def test_a_published_policy_needs_nothing_else_of_its_run(
    train_cfg: TrainCfg, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train_cfg.sim.muscle.parameter_file = tmp_path / "mine.yaml"
    train_cfg.sim.muscle.parameter_file.write_text("soleus_r: {max_isometric_force: 3000}")
    trained = RunFolder.open(train("Msemu-Track-MyoLegs-v0", replace(train_cfg, motion="walk", iterations=1)))
    checkpoint = trained.checkpoint("best")
    words = ["/somewhere/bin/msemu-train", trained.task, "--resume", str(trained.path), f"--checkpoint={checkpoint}"]
    monkeypatch.setattr(sys, "argv", words)
    trained.note_resumption(cfg := trained.load_config(), trained.load_body(cfg))
    trained.note_origin(checkpoint)
    write_text(tmp_path / "published" / trained.task / "motion.npz", "what one published before had followed")
    publish(trained, "best", tmp_path / "published")
    monkeypatch.setattr(pretrained, "FOLDER", tmp_path / "published")
    found = PretrainedRun.of(trained.task)
    assert not found.holds_clips
    assert read_yaml(found.path / "config.yaml")["train"]["runs_dir"] == TrainCfg.runs_dir
    provenance = read_yaml(found.path / "provenance.yaml")
    told = f"msemu-train {trained.task} --resume {trained.path.name} --checkpoint={checkpoint.name}"
    assert provenance["resumed"][0]["command"] == told
    assert provenance["started_from"]["checkpoint"] == checkpoint.name and provenance["policy"] == "best"
    for path in (tmp_path / "mine.yaml", *trained.path.glob("*.*")):
        path.unlink()
    env, runner = open_policy(found, found.checkpoint("best"), 2, "cpu", seed=1)
    assert torch.isfinite(runner.policy()(env.get_observations())).all()


def test_a_run_that_is_looked_at_is_not_written_over(
    train_cfg: TrainCfg, legs: Body, march: MotionClip, tmp_path: Path
) -> None:
    run = RunFolder.create("Msemu-Track-MyoLegs-v0", train_cfg, legs, [march])
    (run.path / "figures.json").write_text("{}")
    for name in ("config.yaml", "motion.npz", "figures.json"):
        (tmp_path / f"link of {name}").symlink_to(run.path / name)
    with unwritten([]):
        find_run(str(run.path), tmp_path)
        for name in ("config.yaml", "motion.npz"):
            with pytest.raises(MsemuError, match="it is read by this command"):
                write_text(tmp_path / f"link of {name}", "{}")
        write_text(tmp_path / "link of figures.json", "[]")
    assert (run.path / "figures.json").read_text() == "[]"
    write_text(tmp_path / "link of config.yaml", "{}")
