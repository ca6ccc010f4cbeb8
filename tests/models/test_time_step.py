"""The longest time step of a body, against what its simulation does."""

from dataclasses import replace

import pytest
import torch

from msemu.errors import MsemuError
from msemu.models import Body
from msemu.models.checks.time_step import TimeStepLimit
from msemu.models.simulated import simulate
from msemu.schema import MuscleCfg, SimCfg
from msemu.sim import Simulation

ON_CPU = SimCfg(device="cpu", num_threads=1, max_joint_speed=1e4)


def in_the_air(sim: Simulation, body: Body, qvel: torch.Tensor, activation: float) -> None:
    qpos = torch.tensor(body.neutral_qpos).repeat(sim.num_envs, 1)
    qpos[:, 2] += 5.0
    everywhere = torch.ones(sim.num_envs, dtype=torch.bool)
    sim.reset(everywhere, qpos, qvel, torch.full((sim.num_envs, body.num_muscles), activation))


@pytest.mark.parametrize("level", ["mujoco", "rigid"])
def test_a_step_of_twice_the_smooth_one_triples_the_fastest_motion(legs: Body, level: str) -> None:
    """An explicit step multiplies a motion that decays with k by ``1 - h k``; power iteration finds the fastest."""
    muscle = MuscleCfg(level=level)
    smooth = TimeStepLimit.of(legs, muscle).smooth_s
    sim = simulate(legs, 2, replace(ON_CPU, timestep_s=2.0 * smooth, muscle=muscle))
    active = torch.ones(2, legs.num_muscles)
    motion = torch.randn(legs.model.nv, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for _ in range(30):
        motion *= 1e-3 / motion.norm()
        in_the_air(sim, legs, torch.stack([torch.zeros_like(motion), motion]), 1.0)
        sim.step(active, 1)
        before, motion = motion, sim.qvel[1] - sim.qvel[0]
    assert (motion @ before / (before @ before)).item() == pytest.approx(-3.0, rel=0.05)


@pytest.mark.parametrize(("share", "blows_up"), [(0.5, False), (1.1, True)])
def test_bodies_blow_up_beyond_the_longest_step(legs: Body, share: float, blows_up: bool) -> None:
    step = share * TimeStepLimit.of(legs, MuscleCfg()).longest_s
    sim = simulate(legs, 4, replace(ON_CPU, timestep_s=step))
    in_the_air(sim, legs, torch.zeros(4, legs.model.nv), 0.0)
    random, fastest = torch.Generator().manual_seed(1), 0.0
    for _ in range(10):
        sim.step((torch.rand(4, legs.num_muscles, generator=random) < 0.5).float(), round(0.1 / step))
        fastest = max(fastest, sim.qvel.abs().max().item())
    assert (fastest > SimCfg.max_joint_speed) is blows_up


def test_stronger_muscles_bear_shorter_steps(legs: Body) -> None:
    usual, strong = (TimeStepLimit.of(legs, MuscleCfg(strength=(1.0, factor))) for factor in (1.0, 2.0))
    assert strong.smooth_s == pytest.approx(0.5 * usual.smooth_s)
    assert strong.longest_s == pytest.approx(0.5 * usual.longest_s)


def test_a_step_that_the_muscles_do_not_bear_is_refused(legs: Body) -> None:
    longest = TimeStepLimit.of(legs, MuscleCfg()).longest_s
    wanted = r"timestep_s of 0.02 s: .* ankle_angle_[rl] of myolegs .* 200 rad/s; take 0.01\d\d s at most, 0.002 s is"
    with pytest.raises(MsemuError, match=wanted):
        simulate(legs, 1, SimCfg(device="cpu", timestep_s=0.02))
    simulate(legs, 1, SimCfg(device="cpu", timestep_s=0.9 * longest))
