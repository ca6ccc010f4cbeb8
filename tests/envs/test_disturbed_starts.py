"""Episodes that start with disturbed joints."""

import numpy as np
import torch

from msemu.envs.motion_tracking import MotionTrackingEnv
from msemu.models import Body
from msemu.models.geoms import lowest_points
from msemu.models.poses import posed
from msemu.motion.clip import MotionClip
from msemu.schema import TaskCfg


def test_drawn_starts_are_disturbed_and_stand_as_high(tracking_cfg: TaskCfg, legs: Body, march: MotionClip) -> None:
    tracking_cfg.env.start_sampling.joint_noise_deg = 4.0
    env, same = (MotionTrackingEnv(tracking_cfg, legs, march, seed=3) for _ in range(2))
    assert torch.equal(env.sim.qpos, same.sim.qpos)
    found, reference = env.sim.qpos.double().numpy(), env.reference.state(env.frame)[0].numpy()
    apart = np.abs(found - reference)[:, 7 + np.asarray(legs.independent_joints)]
    assert 1.0 < np.degrees(apart).max() < 4.01
    np.testing.assert_allclose(found[:, :2], reference[:, :2], atol=1e-6)
    np.testing.assert_allclose(legs.couplings.project(found.copy()), found, atol=1e-5)
    geoms = np.concatenate([*legs.contact_regions.values()])
    low, wanted = (
        [lowest_points(legs.model, data, geoms)[:, 2].min() for data in posed(legs.model, poses)]
        for poses in (found, reference)
    )
    np.testing.assert_allclose(low, wanted, atol=1e-5)
    env.restart(torch.zeros(env.num_envs, dtype=torch.long))
    np.testing.assert_allclose(
        env.sim.qpos[:, 7:].double().numpy(), np.tile(march.qpos[:1, 7:], (env.num_envs, 1)), atol=1e-6
    )


def test_without_noise_nothing_else_is_drawn(tracking_cfg: TaskCfg, legs: Body, march: MotionClip) -> None:
    env = MotionTrackingEnv(tracking_cfg, legs, march, seed=3)
    np.testing.assert_allclose(env.sim.qpos.double().numpy(), env.reference.state(env.frame)[0].numpy(), atol=1e-6)
