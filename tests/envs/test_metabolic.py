"""The reward term `metabolic` beside Bhargava's equations, written down again."""

import numpy as np
import pytest
import torch

from msemu.envs.motion_tracking import MotionTrackingEnv
from msemu.models import Body
from msemu.motion.clip import MotionClip
from msemu.schema import RewardTermCfg, TaskCfg


@pytest.mark.parametrize("level", ["mujoco", "rigid"])
def test_what_the_muscles_burn(tracking_cfg: TaskCfg, legs: Body, march: MotionClip, level: str) -> None:
    tracking_cfg.env.rewards = {"metabolic": RewardTermCfg(weight=1.0)}
    tracking_cfg.sim.muscle.level = level
    env = MotionTrackingEnv(tracking_cfg, legs, march)
    _, rewards, dones, _ = env.step(torch.rand(4, 80, generator=torch.Generator().manual_seed(0)))
    assert not dones.any()
    state = env.sim.read_muscles()
    arrays = (env.transition.muscles.excitation, state.fiber_length, state.fiber_velocity, state.active_force)
    u, length, velocity, active = (array.double().numpy() for array in arrays)
    force = active.clip(0.0) + state.passive_force.double().numpy()
    gain = legs.model.actuator_gainprm
    span = np.diff(legs.model.actuator_lengthrange, axis=1)[:, 0] / (gain[:, 1] - gain[:, 0])  # L0 [m]
    mass = gain[:, 2] * span * 1059.7 / 0.25e6
    velocity = velocity * gain[:, 6] * span
    slow, fast = 0.5 * np.sin(np.pi * u / 2), 0.5 * (1 - np.cos(np.pi * u / 2))
    activation = mass * (40 * slow + 133 * fast)
    maintenance = mass * np.interp(length, (0, 0.5, 1, 1.5), (0.5, 0.5, 1, 0)) * (74 * slow + 111 * fast)
    work = -active.clip(0.0) * velocity
    shortening = np.maximum(0.25 * force * np.maximum(-velocity, 0), -(activation + maintenance + work))
    power = np.maximum(activation + maintenance + shortening, mass) + work
    wanted = power.sum(1) / legs.model.body_mass.sum()
    assert rewards.numpy() == pytest.approx(wanted, rel=1e-3) and wanted.min() > 0.5
