"""``msemu-track``."""

import json
import re
import shutil
from dataclasses import replace
from itertools import chain, repeat
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from command_line import assert_one_clear_line, run

from msemu.analysis.rollout_body import body_of
from msemu.config import cfg_file
from msemu.models import load_body
from msemu.motion.clip import MotionClip
from msemu.motion.rollout import Rollout
from msemu.muscle.parameters import MuscleParameters
from msemu.rl import pretrained
from msemu.rl.pretrained import PretrainedRun, publish
from msemu.rl.run_folder import RunFolder

SMALL = ("--body", "myolegs", "--particles", "3", "--seconds", "0.2", "--passes", "1", "--threads", "1")
FIGURES = {"joint_angle_error_deg", "body_position_error_cm", "survival", "muscle_power_w"}


@pytest.fixture
def clip(march_once: MotionClip, tmp_path: Path, monkeypatch) -> str:
    monkeypatch.chdir(tmp_path)
    march_once.save(Path("march.npz"))
    return "march.npz"


def test_from_a_clip_to_a_simulation(clip: str) -> None:
    code, out, err = run("track", clip, *SMALL, "--json", "a.json")
    assert code == 0, out + err
    found = json.loads(Path("a.json").read_text())
    assert set(found) >= FIGURES
    assert (found["completed"], found["strength"], found["environment_steps"]) == (1.0, 1.0, 30)
    rollout = Rollout.load(Path("track/march_myolegs.npz"))
    assert rollout.num_frames == 11 and rollout.reference_qpos[0] == pytest.approx(rollout.qpos[0])
    code, out, err = run("motion", "info", "track/march_myolegs.clip.npz")
    assert code == 0 and "march_tracked" in out
    code, out, err = run("track", clip, *SMALL, "--resume")
    assert code == 0 and "what the body lacks for the clip:" in out, out + err
    code, out, err = run("analyze", "static-optimization", "track/march_myolegs.npz", "--body", "myolegs")
    assert code == 0 and "march on myolegs" in out, out + err


def test_a_body_by_its_recipe_is_played_and_replayed(clip: str) -> None:
    recipe = cfg_file("body", "myolegs").read_text().replace("title: MyoLegs", "title: Own")
    Path("own.yaml").write_text(recipe)
    own = ("--body", "own.yaml", *SMALL[2:], "--strength", "1.5", "--out", "a.npz")
    code, out, err = run("track", clip, *own)
    assert code == 0, out + err
    rollout = Rollout.load(Path("a.npz"))
    before, after = (
        MuscleParameters.of(body.model) for body in (load_body("myolegs"), body_of(Path("a.npz"), rollout))
    )
    assert np.allclose(after.max_isometric_force, 1.5 * before.max_isometric_force)
    code, out, err = run("play", "a.npz", "--video", "a.mp4", "--renderer", "lines")
    assert code == 0 and Path("a.mp4").stat().st_size > 1000, out + err
    code, out, err = run("motion", "check", "a.clip.npz", "--body", "own.yaml")
    assert "recorded clip" in out and "simulated" in out, out + err
    Path("moved").mkdir()
    moved = Path("own.yaml").rename("moved/own.yaml")
    assert_one_clear_line(run("play", "a.npz", "--video", "a.mp4"), "own.yaml")
    code, out, err = run("play", "a.npz", "--body", moved, "--video", "b.mp4", "--renderer", "lines")
    assert code == 0, out + err
    assert_one_clear_line(run("play", "a.npz", "--body", "myofullbody", "--video", "b.mp4"), "give --body")


def test_what_cannot_be_tracked_is_one_line(clip: str) -> None:
    for arguments, words in (
        ((clip, "--body", "myofullbody"), ("made for body 'myolegs'",)),
        (("march.npy", "--body", "myolegs"), ("march.npy",)),
        ((clip, "--body", "myoleg"), ("unknown body 'myoleg'", "myolegs")),
        ((clip, *SMALL, "--strength-set", "athlet"), ("athlete",)),
        ((clip, *SMALL, "--resume"), ("no search to go on with", "leave --resume out")),
        ((clip, *SMALL, "--out", clip), ("march.npz",)),
        ((clip, *SMALL, "--out", "/proc/none/a.npz"), ("/proc/none",)),
        ((clip, *SMALL, "--strength", "0"), ("strength",)),
    ):
        assert_one_clear_line(run("track", *arguments), *words)
    assert not Path("track").exists()


def test_a_body_that_is_too_weak_is_told_so_and_what_is_found_is_kept(clip: str) -> None:
    code, out, err = run("track", clip, *SMALL[:-6], "--seconds", "0.9", "--passes", "1", "--strength", "0.1")
    assert code == 0, out + err
    assert "not reached to its end at strength 0.1 (own): bodies fail after frame" in out
    assert re.search(r"; \w+ is asked for (over )?\d+(\.\d)? times what its muscles give there in frame \d+", out)
    assert 2 < Rollout.load(Path("track/march_myolegs.npz")).num_frames < 46


def test_a_search_whose_time_is_over_says_so_and_goes_on(clip: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(
            "msemu.cli.tracking.track.time", SimpleNamespace(monotonic=chain([0.0] * 2, repeat(61.0)).__next__)
        )
        code, out, err = run("track", clip, *SMALL, "--minutes", "1", "--json", "a.json")
    assert code == 0 and "was stopped at frame 5 of 10 (0.10 s); the same command with --resume goes on" in out, out
    assert json.loads(Path("a.json").read_text())["completed"] == 0.5
    assert MotionClip.load(Path("track/march_myolegs.clip.npz")).quality == {"completed": 0.5}
    code, out, err = run("track", clip, *SMALL, "--resume")
    assert code == 0 and "stopped" not in out, out + err
    with monkeypatch.context() as patch:
        patch.setattr("msemu.cli.tracking.track.time", SimpleNamespace(monotonic=chain([0.0], repeat(61.0)).__next__))
        assert_one_clear_line(run("track", clip, *SMALL, "--minutes", "1"), "stopped before a body")


def test_a_policy_that_follows_what_was_found_is_published_with_it(
    clip: str, march_once: MotionClip, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace(march_once, name="walk").save(Path("walk.npz"))
    assert run("track", "walk.npz", *SMALL, "--out", "a.npz").returncode == 0
    small = ("--num-envs", "2", "--iterations", "1", "--agent.num-steps-per-env", "4", "--sim.num-threads", "1")
    few = ("--agent.algorithm.num-mini-batches", "1", "--agent.algorithm.num-learning-epochs", "1")
    assert run("train", "Msemu-Track-MyoLegs-v0", "--from-track", "a.npz", *small, *few).returncode == 0
    (folder,) = Path("runs/Msemu-Track-MyoLegs-v0").iterdir()
    publish(RunFolder.open(folder), "last", Path("published"))
    monkeypatch.setattr(pretrained, "FOLDER", Path("published"))
    shutil.rmtree("runs")
    (found,) = PretrainedRun.of("Msemu-Track-MyoLegs-v0").load_clips()
    assert found.simulated and np.array_equal(found.qpos, Rollout.load(Path("a.npz")).qpos)
    assert str(Path.cwd()) not in Path("published/Msemu-Track-MyoLegs-v0/config.yaml").read_text()
    code, out, err = run("eval", "Msemu-Track-MyoLegs-v0", "--pretrained", "--episodes", "1", "--json", "a.json")
    assert code == 0 and json.loads(Path("a.json").read_text())["recorded_joint_angle_error_deg"] > 0, out + err


def test_what_was_found_is_learned_from(clip: str) -> None:
    assert run("track", clip, *SMALL, "--out", "a.npz").returncode == 0
    small = ("--num-envs", "2", "--iterations", "1", "--agent.num-steps-per-env", "4", "--sim.num-threads", "1")
    few = ("--agent.algorithm.num-mini-batches", "1", "--agent.algorithm.num-learning-epochs", "1")
    code, out, err = run("train", "Msemu-Track-MyoLegs-v0", "--from-track", "a.npz", *small, *few)
    assert code == 0, out + err
    (folder,) = Path("runs/Msemu-Track-MyoLegs-v0").iterdir()
    run_clip = MotionClip.load(folder / "motion.npz")
    assert run_clip.simulated and np.array_equal(run_clip.qpos, Rollout.load(Path("a.npz")).qpos)
    assert "feedforward: true" in (folder / "config.yaml").read_text()
    code, out, err = run("eval", folder, "--episodes", "1", "--json", "a.json", "--plots", "plots")
    assert code == 0 and "to the recording" in out, out + err
    figures = json.loads(Path("a.json").read_text())
    assert figures["recorded_joint_angle_error_deg"] > 0 and figures["survival_time_s"] > 0


def test_what_was_found_elsewhere_is_not_learned_from(clip: str) -> None:
    assert run("track", clip, *SMALL, "--out", "a.npz", "--strength", "1.5").returncode == 0
    track = "Msemu-Track-MyoLegs-v0"
    for arguments, words in (
        (("Msemu-Track-MyoFullBody-v0", "a.npz"), ("found on the body 'myolegs'", "'myofullbody'")),
        (("Msemu-Walk-MyoLegs-v0", "a.clip.npz"), ("follows the clip 'march'", "'walk'")),
        ((track, "a.npz"), ("strength 1.5", "--strength-set")),
        ((track, clip), ("nobody simulated", "msemu-track")),
        ((track, "b.npz"), ("there is no file b.npz",)),
        ((track, "a.npz", "--motion", clip), ("leave --motion out",)),
        ((track, "a.npz", "--resume", "latest"), ("leave --from-track out",)),
    ):
        task, file, *more = arguments
        assert_one_clear_line(run("train", task, "--from-track", file, *more), *words)
    Path("a.clip.npz").unlink()
    assert_one_clear_line(run("train", track, "--from-track", "a.npz"), "put a.clip.npz back")
    assert not Path("runs").exists()
