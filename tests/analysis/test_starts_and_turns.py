"""Where the episodes of an evaluation start, and how far a body turns in them."""

from dataclasses import replace

import mujoco
import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from msemu.analysis.rollout import measure_episodes
from msemu.analysis.start import Starts, disturbed
from msemu.analysis.turning import turned_deg
from msemu.envs.motion_tracking import MotionTrackingEnv
from msemu.models import Body
from msemu.motion.clip import MotionClip
from msemu.schema import TaskCfg


def spinning(axis: np.ndarray, angle_deg: np.ndarray, posture: Rotation) -> np.ndarray:
    """Quaternions (w, x, y, z) of a posture that turns about an axis of the world, shape [T, 4]."""
    turns = Rotation.from_rotvec(np.radians(angle_deg)[:, None] * axis)
    return (turns * posture).as_quat(scalar_first=True)


def test_a_somersault_turns_by_360_degrees_whatever_the_posture_and_a_jump_by_none() -> None:
    axis = np.array([0.6, 0.8, 0.0])
    posture = Rotation.from_euler("xyz", [40.0, -25.0, 110.0], degrees=True)
    angle = np.linspace(0.0, 360.0, 40)
    flip = spinning(axis, angle, posture)
    back = spinning(axis, -angle / 2.0, posture)
    sway = spinning(np.array([0.0, 0.0, 1.0]), angle / 6.0, posture)  # about an axis that the clip does not turn about
    fallen = flip.copy()
    fallen[20:] = np.nan
    done, wanted = turned_deg(np.stack([flip, back, sway, fallen], axis=1), np.stack([flip] * 4, axis=1))
    np.testing.assert_allclose(wanted, 360.0, atol=1e-9)
    np.testing.assert_allclose(done, [360.0, -180.0, 0.0, angle[19]], atol=1e-9)


def test_disturbed_joints_stay_in_range_and_feet_at_their_height(legs: Body, march: MotionClip) -> None:
    before = np.repeat(march.qpos[:2], 6, axis=0)
    after = disturbed(legs, before, 5.0, np.random.default_rng(3))
    joints = 7 + legs.independent_joints
    change = np.degrees(np.abs(after - before)[:, joints])
    assert 2.0 < change.mean() < 3.0  # 2.5 of a uniform disturbance, less what the ranges take
    assert change.max() <= 5.0 + 1e-9
    np.testing.assert_array_equal(np.delete(after, 2, axis=1)[:, :6], np.delete(before, 2, axis=1)[:, :6])
    model, data = legs.model, mujoco.MjData(legs.model)
    floor = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_GEOM, "floor")
    gaps = []
    for pose in (*before, *after):
        data.qpos[:] = pose
        mujoco.mj_forward(model, data)
        geoms = np.concatenate([*legs.contact_regions.values()])
        gaps.append(min(mujoco.mj_geomDistance(model, data, floor, int(geom), 5.0, None) for geom in geoms))
        violated = data.efc_pos[data.efc_type == mujoco.mjtConstraint.mjCNSTR_EQUALITY]
        np.testing.assert_allclose(violated, 0.0, atol=1e-9)
    np.testing.assert_allclose(gaps[12:], gaps[:12], atol=1e-6)


@pytest.mark.parametrize("noise_deg", [0.0, 5.0])
def test_episodes_from_the_start_begin_in_the_first_frame(
    tracking_cfg: TaskCfg, legs: Body, march: MotionClip, noise_deg: float
) -> None:
    sim = replace(tracking_cfg.sim, engine="mujoco", device="cpu", num_threads=1)
    env = MotionTrackingEnv(replace(tracking_cfg, num_envs=3, sim=sim), legs, march)
    seen: list[torch.Tensor] = []

    def policy(_: object) -> torch.Tensor:
        seen.append(env.sim.qpos.clone())
        return torch.zeros(3, env.num_actions)

    measure_episodes(env, policy, 1, starts=Starts(True, noise_deg, seed=5))
    first = env.reference.state(torch.zeros(3, dtype=torch.long))[0]
    assert torch.equal(seen[0], first) == (noise_deg == 0.0)
    assert torch.unique(seen[0], dim=0).shape[0] == (3 if noise_deg else 1)
    measure_episodes(env, policy, 1, starts=Starts(True, noise_deg, seed=5))
    assert torch.equal(seen[0], seen[1]), "the seed draws the disturbances"


def test_what_the_clip_turns_by_is_known_when_every_body_fails_early(
    tracking_cfg: TaskCfg, legs: Body, march: MotionClip
) -> None:
    turning = march.qpos.copy()
    angle = np.linspace(0.0, 90.0, march.num_frames)
    turning[:, 3:7] = spinning(
        np.array([0.0, 0.0, 1.0]), angle, Rotation.from_quat(march.qpos[0, 3:7], scalar_first=True)
    )
    clip = replace(march, qpos=turning, cyclic=False)
    tracking_cfg.env.terminations["body_position_deviation"].limit = 1e-4
    sim = replace(tracking_cfg.sim, engine="mujoco", device="cpu", num_threads=1)
    env = MotionTrackingEnv(replace(tracking_cfg, num_envs=2, sim=sim), legs, clip)
    steps = clip.num_frames - 2
    errors = measure_episodes(env, lambda _: torch.zeros(2, env.num_actions), steps, starts=Starts(from_first=True))
    done, wanted = turned_deg(errors.root_quaternion, errors.reference_quaternion)
    assert errors.failed_at.max() < steps
    np.testing.assert_allclose(wanted, angle[-2] - angle[1], atol=1e-3)
    assert abs(done).max() < 10.0
