"""Several clips in one environment: the reference, following them, what may touch the floor."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from command_line import run

from msemu.cli.training import train
from msemu.config import build
from msemu.envs.motion_tracking import MotionTrackingEnv
from msemu.errors import MsemuError
from msemu.models import Body
from msemu.motion.clip import MotionClip
from msemu.motion.library.task_clips import find_clip, load_clip, load_clips, motions_of
from msemu.motion.reference import CLIP_SPACING, ReferenceMotion, clip_names
from msemu.registry import get_task
from msemu.rl.checkpoints import checkpoint
from msemu.rl.run_folder import RunFolder
from msemu.schema import StartSamplingCfg, TaskCfg, TrainCfg

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def clips(march: MotionClip, march_once: MotionClip) -> list[MotionClip]:
    """A cyclic clip, one that ends, and a shorter cyclic one that goes another way."""
    short = replace(
        march, qpos=march.qpos[:30] + 0.0, qvel=march.qvel[:30], cycle_displacement=np.array([0.6, -0.05, 0.0])
    )
    return [march, replace(march_once, name="once"), replace(short, name="short")]


@pytest.fixture(scope="module")
def reference(clips: list[MotionClip], legs: Body) -> ReferenceMotion:
    return ReferenceMotion(clips, legs, 50.0, CPU)


@pytest.mark.parametrize("index", [0, 1, 2])
def test_each_clip_of_several_is_as_it_is_alone(
    index: int, clips: list[MotionClip], reference: ReferenceMotion, legs: Body
) -> None:
    alone = ReferenceMotion(clips[index], legs, 50.0, CPU)
    frame = torch.arange(-40, 170).reshape(2, 105)
    number = index * CLIP_SPACING + frame
    for name, values in vars(alone.kinematics(frame)).items():
        assert torch.equal(getattr(reference.kinematics(number), name), values), name
    assert all(torch.equal(*pair) for pair in zip(reference.state(number), alone.state(frame), strict=True))
    assert torch.equal(reference.phase(number), alone.phase(frame))
    assert torch.equal(reference.has_ended(number), alone.has_ended(frame))
    assert (reference.clip_of(number) == index).all()


def test_a_clip_ends_in_its_last_frame_unless_it_repeats(reference: ReferenceMotion) -> None:
    numbers = torch.tensor([49, 5000, CLIP_SPACING + 48, CLIP_SPACING + 49, 2 * CLIP_SPACING + 30])
    assert reference.has_ended(numbers).tolist() == [False, False, False, True, False]
    assert reference.starts.tolist() == [50, 49, 30]


def test_frames_with_others_before_them(reference: ReferenceMotion) -> None:
    numbers = reference.frame_numbers(preceded_by=4)
    wanted = [
        *range(50),
        *(CLIP_SPACING + frame for frame in range(4, 50)),
        *range(2 * CLIP_SPACING, 2 * CLIP_SPACING + 30),
    ]
    assert numbers.tolist() == wanted


def test_alike_names_are_told_apart(march: MotionClip) -> None:
    clips = [march, march, replace(march, name=""), replace(march, name="march_2")]
    assert clip_names(clips) == ("march", "march_2", "clip", "march_2_2")
    assert find_clip(clips, "clip")[0] == 2 and find_clip(clips, None)[0] == 0
    with pytest.raises(MsemuError, match="no clip 'run' here; known: march, march_2"):
        find_clip(clips, "run")


def test_the_motion_is_a_name_a_set_or_several(tracking_cfg: TaskCfg, march: MotionClip, legs: Body, tmp_path) -> None:
    for name in "ab":
        replace(march, name=name).save(tmp_path / f"{name}.npz")
    files = [str(tmp_path / f"{name}.npz") for name in "ab"]
    assert motions_of(replace(tracking_cfg, motion="dance")) == ["dance_a", "dance_b", "amp_dance"]
    assert motions_of(replace(tracking_cfg, motion=("run", "dance_a", files[0]))) == ["run", "dance_a", files[0]]
    assert [clip.name for clip in load_clips(replace(tracking_cfg, motion=tuple(files)), legs)] == ["a", "b"]
    with pytest.raises(MsemuError, match="one clip is wanted here and the motion has 2"):
        load_clip(replace(tracking_cfg, motion=tuple(files)), legs)
    with pytest.raises(MsemuError, match="no clip 'dnace' and no set of clips; did you mean dance"):
        motions_of(replace(tracking_cfg, motion="dnace"))
    values = {"body": "myolegs", "motion": files}
    assert build(TaskCfg, values, "here").motion == tuple(files)
    assert build(TaskCfg, values | {"motion": "walk"}, "here").motion == "walk"
    with pytest.raises(MsemuError, match="motion: expected str, not 3"):
        build(TaskCfg, values | {"motion": 3}, "here")


def test_environments_follow_several_clips(tracking_cfg: TaskCfg, legs: Body, clips: list[MotionClip]) -> None:
    tracking_cfg.num_envs = 12
    env = MotionTrackingEnv(tracking_cfg, legs, clips, seed=3)
    assert len(env.reference.clip_of(env.frame).unique()) == 3
    qpos, _ = env.reference.state(env.frame)
    assert torch.equal(env.sim.qpos, qpos)
    last = torch.tensor([49, CLIP_SPACING + 48, 2 * CLIP_SPACING + 29] * 4)
    env.restart(last)
    _, _, dones, extras = env.step(torch.zeros(12, env.num_actions))
    assert extras["time_outs"].tolist() == [False, True, False] * 4 == dones.bool().tolist()
    stayed = ~dones.bool()
    assert torch.equal(env.frame[stayed], last[stayed] + 1)
    assert "Clip/once_failures_per_step" in extras["log"]


def test_a_saved_environment_of_several_clips_continues_exactly(
    tracking_cfg: TaskCfg, legs: Body, clips: list[MotionClip]
) -> None:
    # Bodies that stray are reset within a few steps, so that rates change and starts are drawn.
    tracking_cfg.env.terminations["body_position_deviation"].limit = 0.05
    tracking_cfg.env.start_sampling = StartSamplingCfg(memory=2, horizon_s=0.06)
    env = MotionTrackingEnv(tracking_cfg, legs, clips, seed=3)
    actions = torch.rand(60, 4, env.num_actions, generator=torch.Generator().manual_seed(1))
    for action in actions[:30]:
        env.step(action)
    assert len(env.sampler.failure_rate().unique()) > 1
    saved = {key: value.clone() for key, value in env.state_dict().items()}
    wanted = [env.step(action) for action in actions[30:]]
    twin = MotionTrackingEnv(tracking_cfg, legs, clips, seed=99)
    twin.load_state_dict(saved)
    for action, (groups, reward, dones, extras) in zip(actions[30:], wanted, strict=True):
        twin_groups, twin_reward, twin_dones, twin_extras = twin.step(action)
        assert torch.equal(reward, twin_reward) and torch.equal(dones, twin_dones)
        assert all(torch.equal(groups[name], twin_groups[name]) for name in groups.keys())  # noqa: SIM118
        assert extras["log"] == twin_extras["log"]
    ours, theirs = env.state_dict(), twin.state_dict()
    assert all(torch.equal(ours[key], theirs[key]) for key in ours)
    assert sum(int(dones.sum()) for _, _, dones, _ in wanted) > 0
    with pytest.raises((KeyError, ValueError)):
        MotionTrackingEnv(tracking_cfg, legs, clips[:2]).load_state_dict(saved)


def test_a_run_folder_keeps_every_clip(legs: Body, clips: list[MotionClip], tmp_path) -> None:
    folder = RunFolder(tmp_path, "Msemu-Track-MyoLegs-v0")
    hostile = [*clips, replace(clips[0], name="../../out of the folder")]
    folder._save_clips(hostile)
    assert [clip.name for clip in folder.load_clips()] == [clip.name for clip in hostile]
    assert {path.parent for path in tmp_path.rglob("*.npz")} == {tmp_path / "motions"}


@pytest.mark.slow
def test_a_run_with_several_clips_resumes_exactly_and_is_measured_clip_by_clip(
    clips: list[MotionClip], tmp_path
) -> None:
    files = tuple(str(tmp_path / f"{clip.name}.npz") for clip in clips[:2])
    for clip, file in zip(clips, files, strict=False):
        clip.save(file)
    task = "Msemu-Track-MyoLegs-v0"
    cfg = TrainCfg(**vars(get_task(task).load_config()), agent=get_task(task).load_agent())
    cfg.motion, cfg.runs_dir, cfg.device = files, str(tmp_path / "runs"), "cpu"
    cfg.num_envs, cfg.env.episode_length_s, cfg.env.start_sampling.memory = 4, 0.2, 2.0
    cfg.agent.num_steps_per_env = 8
    cfg.agent.actor["hidden_dims"] = cfg.agent.critic["hidden_dims"] = [16]
    whole = RunFolder.open(train(task, replace(cfg, iterations=4, run_name="whole")))
    first = RunFolder.open(train(task, replace(cfg, iterations=2, run_name="halves")))
    train(task, replace(first.load_config(), iterations=2, resume=str(first.path)))
    one, two = (checkpoint.read(each.checkpoint("last"), "cpu") for each in (whole, first))
    assert one["env"].keys() == two["env"].keys() >= {"sampler.results", "start"}
    for part in ("env", "actor_state_dict", "critic_state_dict"):
        assert all(torch.equal(one[part][key], two[part][key]) for key in one[part])
    figures = tmp_path / "figures.json"
    result = run("eval", whole.path, "--episodes", "2", "--seconds", "0.2", "--json", figures)
    assert result.returncode == 0, result.stderr
    assert list(json.loads(figures.read_text())["clips"]) == ["march", "once"]
    assert (whole.path / "eval" / "0001_once" / "error_by_joint.png").is_file()
    video = tmp_path / "once.mp4"
    result = run("play", whole.path, "--clip", "once", "--seconds", "0.1", "--video", video)
    assert result.returncode == 0 and video.is_file(), result.stderr
    result = run("play", whole.path, "--clip", "twice", "--video", video)
    assert result.returncode == 2 and "known: march, once" in result.stderr


def test_a_part_that_must_not_touch_the_floor_ends_the_episode(
    tracking_cfg: TaskCfg, legs: Body, march: MotionClip
) -> None:
    def touching(*allowed: str) -> list[bool]:
        tracking_cfg.env.terminations["forbidden_contact"].options["allowed"] = allowed
        env = MotionTrackingEnv(tracking_cfg, legs, march, seed=3)
        env.cfg.env.terminations["body_position_deviation"].limit = 10.0
        # The second body lies on its front, the third one floats.
        qpos, qvel = env.reference.state(env.frame)
        qpos[1, 2], qpos[2, 2] = 0.12, 3.0
        qpos[1, 3:7] = torch.tensor([np.sqrt(0.5), 0.0, np.sqrt(0.5), 0.0])
        env.sim.reset(torch.ones(4, dtype=torch.bool), qpos, 0 * qvel, env.sim.act.clone())
        _, _, dones, _ = env.step(torch.zeros(4, env.num_actions))
        return dones.bool().tolist()

    assert touching() == [False] * 4
    assert touching("foot") == [False, True, False, False]
    one_side = touching("foot_r")
    assert one_side[1] and not one_side[2]
    assert touching("foot", "shank", "thigh", "pelvis", "trunk", "head") == [False] * 4
    with pytest.raises(MsemuError, match="no contact region 'tail'; known: foot, foot_l, foot_r"):
        touching("tail")
