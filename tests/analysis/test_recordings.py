"""What a recording shows is what happened."""

from dataclasses import replace

import mujoco
import numpy as np
import pytest
import torch

from msemu.analysis.rollout import measure_episodes, record
from msemu.envs.motion_tracking import MotionTrackingEnv
from msemu.models import Body
from msemu.motion.clip import MotionClip
from msemu.motion.recording import Push
from msemu.schema import TaskCfg
from msemu.viewer.readout import restarts, tracking_errors


def environment(cfg: TaskCfg, body: Body, clip: MotionClip, engine: str = "mujoco") -> MotionTrackingEnv:
    sim = replace(cfg.sim, engine=engine, device="cpu", num_threads=1)
    return MotionTrackingEnv(replace(cfg, num_envs=1, sim=sim), body, clip)


@pytest.mark.parametrize(("engine", "steps"), [("mujoco", 12), ("warp", 6)])
def test_a_fall_is_shown_to_its_end_and_the_next_episode_from_its_beginning(
    tracking_cfg: TaskCfg, legs: Body, march: MotionClip, engine: str, steps: int
) -> None:
    """Beside what the environment's terms saw of every step, which is read off before any reset."""
    tracking_cfg.env.terminations["body_position_deviation"].limit = 0.03
    env = environment(tracking_cfg, legs, march, engine)
    seen: list[tuple[torch.Tensor, torch.Tensor, bool]] = []

    def policy(observations: torch.Tensor) -> torch.Tensor:
        return torch.full((1, env.num_actions), 1.0)

    step = env.step

    def stepped(actions: torch.Tensor) -> tuple:
        result = step(actions)
        seen.append((env.transition.state.joint_position[0], env.transition.frame[0].clone(), bool(result[2][0])))
        return result

    env.step = stepped  # type: ignore[method-assign]
    recording = record(env, policy, steps, "a test", start_frame=3).recording(legs)
    ends = [index for index, (_, _, done) in enumerate(seen) if done]
    assert ends, "the body fails within the steps"
    frames = [None, *(index for end in range(steps) for index in ((end, None) if end in ends else (end,)))]
    frames = frames[:-1] if frames[-1] is None else frames
    assert recording.num_frames == len(frames)
    np.testing.assert_array_equal(recording.episode_start, [index is None for index in frames])
    joints = 7 + legs.independent_joints
    for shown, reference, index in zip(recording.qpos, recording.reference_qpos, frames, strict=True):
        if index is None:
            np.testing.assert_allclose(shown, reference, atol=1e-6)
        else:
            np.testing.assert_allclose(shown[joints], seen[index][0], atol=1e-6)
            np.testing.assert_allclose(reference, env.reference.state(seen[index][1][None])[0][0], atol=1e-6)
    last = frames.index(ends[0])
    assert recording.activation[last].mean() > recording.activation[last + 1].mean() if last + 1 < len(frames) else True


def test_a_recording_ends_with_the_end_of_an_episode(tracking_cfg: TaskCfg, legs: Body, march_once: MotionClip) -> None:
    env = environment(tracking_cfg, legs, march_once)
    env.max_episode_length = 4
    recording = record(env, lambda observations: torch.full((1, env.num_actions), 1.0), 4, "a test").recording(legs)
    angle, distance = tracking_errors(recording, legs) or (np.zeros(0), np.zeros(0))
    assert recording.num_frames == 5 and restarts(recording)[-1] == 0
    assert angle[0] == pytest.approx(0.0, abs=1e-4) and (np.diff(angle) > 0).all() and (distance[1:] > 0).all()
    assert env.before_reset() is None, "nothing is left of the recording"


def test_time_goes_on_after_a_restart(tracking_cfg: TaskCfg, legs: Body, march: MotionClip) -> None:
    env = environment(tracking_cfg, legs, march)
    env.max_episode_length = 2
    recording = record(env, lambda observations: torch.zeros(1, env.num_actions), 6, "a test").recording(legs)
    assert recording.episode_start.tolist() == [True, False, False, True, False, False, True, False, False]
    assert restarts(recording).tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]


@pytest.mark.parametrize("ahead", [0, 1])
def test_a_playback_of_the_reference_has_no_errors_and_a_shifted_one_those_of_its_speed(
    tracking_cfg: TaskCfg, legs: Body, march: MotionClip, ahead: int
) -> None:
    """The engine is replaced by the reference itself, ``ahead`` frames later; the evaluation does not know."""
    env = environment(tracking_cfg, legs, march)
    env.max_episode_length = 100
    everywhere = torch.ones(1, dtype=torch.bool)

    def play(_: torch.Tensor, substeps: int) -> None:
        env.sim.reset(everywhere, *env.reference.state(env.frame + 1 + ahead), env.sim.act.clone())

    env.sim.step = play  # type: ignore[method-assign]
    steps = 20
    errors = measure_episodes(env, lambda _: torch.zeros(1, env.num_actions), steps)
    assert errors.failed_at.tolist() == [steps]
    angles = np.radians(errors.joint_angle_deg[:, 0])
    rows = np.arange(1, steps + 1) % march.num_frames
    joints = 7 + legs.independent_joints
    hinges = legs.is_hinge[legs.independent_joints]
    now, later = march.qpos[rows][:, joints], march.qpos[(rows + ahead) % march.num_frames][:, joints]
    expected = np.abs(later - now)
    np.testing.assert_allclose(angles[:, hinges], expected[:, hinges], atol=1e-6)
    others = errors.root_rotation_deg, errors.body_position_cm, errors.root_translation_cm
    if ahead:
        speeds = 0.5 * (march.qvel[rows] + march.qvel[(rows + 1) % march.num_frames])[:, 6 + legs.independent_joints]
        assert angles[:, hinges].mean() == pytest.approx(np.abs(speeds)[:, hinges].mean() / march.fps, rel=0.05)
        forward = np.linalg.norm(march.qvel[:, :3], axis=1).mean() / march.fps
        assert errors.root_translation_cm.mean() / 100.0 == pytest.approx(forward, rel=0.1)
    else:
        assert max(np.radians(others[0]).max(), others[1].max() / 100.0, others[2].max() / 100.0) < 1e-6


def test_a_push_changes_the_momentum_by_its_impulse(tracking_cfg: TaskCfg, legs: Body, march: MotionClip) -> None:
    """In the air, where nothing else from outside but weight acts."""
    qpos = march.qpos + 0.0
    qpos[:, 2] += 2.0
    tracking_cfg.env.terminations = {}
    env = environment(tracking_cfg, legs, replace(march, qpos=qpos))
    momentum = []
    for push in (None, Push(0.04, 0.06, np.array([30.0, -50.0, 0.0]))):
        seen = record(env, lambda _: torch.zeros(1, env.num_actions), 6, "", push=push)
        data, values = mujoco.MjData(legs.model), []
        for pose, speed in zip(seen.qpos, seen.qvel, strict=True):
            data.qpos[:], data.qvel[:] = pose, speed
            mujoco.mj_forward(legs.model, data)
            mujoco.mj_subtreeVel(legs.model, data)
            values.append(legs.mass * data.subtree_linvel[1])
        momentum.append(np.array(values))
    gained = momentum[1] - momentum[0]
    np.testing.assert_allclose(gained[:3], 0.0, atol=1e-9)
    np.testing.assert_allclose(gained[5:], np.tile([1.8, -3.0, 0.0], (2, 1)), atol=0.05)  # steps are finite
