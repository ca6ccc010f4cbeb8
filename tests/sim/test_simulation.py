"""The CPU engine against plain mj_step, one simulation at a time."""

import copy

import mujoco
import numpy as np
import pytest
import torch

from msemu.errors import MsemuError
from msemu.models import Body
from msemu.schema import SimCfg
from msemu.sim import CpuSimulation, make_simulation

NUM_ENVS = 3


@pytest.fixture
def sim(legs: Body) -> CpuSimulation:
    sim = CpuSimulation(legs.model, NUM_ENVS, num_threads=2)
    everything = torch.ones(NUM_ENVS, dtype=torch.bool)
    qpos = torch.from_numpy(np.repeat(legs.neutral_qpos[None], NUM_ENVS, axis=0))
    qpos[:, 2] += torch.tensor([0.0, 0.01, 0.02])
    sim.reset(everything, qpos, torch.zeros(NUM_ENVS, legs.model.nv), torch.full((NUM_ENVS, legs.num_muscles), 0.1))
    return sim


@pytest.fixture
def excitation(legs: Body) -> torch.Tensor:
    return torch.rand(NUM_ENVS, legs.num_muscles, generator=torch.Generator().manual_seed(0)) * 0.3


def one_by_one(sim: CpuSimulation, body: Body, excitation: torch.Tensor, substeps: int) -> list[mujoco.MjData]:
    found = []
    for env in range(NUM_ENVS):
        data = mujoco.MjData(body.model)
        data.qpos[:], data.qvel[:], data.act[:] = sim.qpos[env], sim.qvel[env], sim.act[env]
        mujoco.mj_forward(body.model, data)
        data.ctrl[:] = excitation[env]
        for _ in range(substeps):
            mujoco.mj_step(body.model, data)
        mujoco.mj_step1(body.model, data)
        found.append(data)
    return found


def test_step_equals_mujoco(sim: CpuSimulation, legs: Body, excitation: torch.Tensor) -> None:
    wanted = one_by_one(sim, legs, excitation, 10)
    sim.step(excitation, 10)
    for env, data in enumerate(wanted):
        for tensor, array in (
            (sim.qpos, data.qpos),
            (sim.qvel, data.qvel),
            (sim.act, data.act),
            (sim.body_position, data.xpos),
            (sim.body_quaternion, data.xquat),
            (sim.body_velocity, data.cvel),
            (sim.center_of_mass, data.subtree_com[1]),
            (sim.muscle_length, data.actuator_length),
            (sim.muscle_velocity, data.actuator_velocity),
            (sim.muscle_force, data.actuator_force),
        ):
            np.testing.assert_allclose(tensor[env].numpy(), array, rtol=1e-6, atol=1e-7)
    assert not sim.unstable.any()


def test_reset_touches_only_its_environments(sim: CpuSimulation, legs: Body, excitation: torch.Tensor) -> None:
    sim.step(excitation, 5)
    before = {name: getattr(sim, name).clone() for name in ("qpos", "qvel", "act", "body_position", "muscle_length")}
    nan = torch.full_like
    qpos, qvel, act = nan(sim.qpos, np.nan), nan(sim.qvel, np.nan), nan(sim.act, np.nan)
    qpos[1], qvel[1], act[1] = torch.from_numpy(legs.neutral_qpos), 0.0, 0.2
    sim.reset(torch.tensor([False, True, False]), qpos, qvel, act)
    for name, values in before.items():
        after = getattr(sim, name)
        assert torch.equal(after[[0, 2]], values[[0, 2]])
        assert torch.isfinite(after).all() and not torch.equal(after[1], values[1])
    np.testing.assert_array_equal(sim.qpos[1], legs.neutral_qpos)


@pytest.mark.parametrize("poison", [np.nan, np.inf, 1e12, 500.0])
def test_a_blow_up_is_found_and_kept_to_its_environment(
    sim: CpuSimulation, legs: Body, excitation: torch.Tensor, poison: float
) -> None:
    twin = CpuSimulation(legs.model, NUM_ENVS, num_threads=1)
    twin.load_state_dict(sim.state_dict())
    sim.qvel[1, 8] = poison
    sim.step(excitation, 1)
    twin.step(excitation, 1)
    assert sim.unstable.tolist() == [False, True, False]
    assert torch.equal(sim.qpos[[0, 2]], twin.qpos[[0, 2]])
    sim.reset(torch.tensor([False, True, False]), twin.qpos, twin.qvel, twin.act)
    sim.step(excitation, 1)
    assert not sim.unstable.any()
    sim.qvel[1, 8] = poison
    sim.step(excitation, 1)
    assert sim.unstable.tolist() == [False, True, False], "the guard must find a second blow-up too"


def test_a_saved_state_continues_exactly(sim: CpuSimulation, legs: Body, excitation: torch.Tensor) -> None:
    sim.step(excitation, 7)
    twin = CpuSimulation(legs.model, NUM_ENVS, num_threads=1)
    twin.load_state_dict(copy.deepcopy(sim.state_dict()))
    sim.step(excitation, 7)
    twin.step(excitation, 7)
    assert torch.equal(sim.qpos, twin.qpos) and torch.equal(sim.qvel, twin.qvel) and torch.equal(sim.act, twin.act)


def test_contact_forces_carry_the_body(legs: Body) -> None:
    """A body that rests on stiff legs presses on the floor with its weight on average."""
    sim = CpuSimulation(legs.model, 1)
    qpos = torch.from_numpy(legs.neutral_qpos)[None]
    sim.reset(torch.tensor([True]), qpos, torch.zeros(1, legs.model.nv), torch.zeros(1, legs.num_muscles))
    mass = legs.model.body_mass.sum()
    height, impulse, steps = sim.center_of_mass[0, 2].item(), 0.0, 100
    momentum = 0.0
    for _ in range(steps):
        sim.step(torch.full((1, legs.num_muscles), 0.2), 1)
        impulse += sim.contact_force[0, :, 2].sum().item() * legs.model.opt.timestep
    data = mujoco.MjData(legs.model)
    data.qpos[:], data.qvel[:] = sim.qpos[0], sim.qvel[0]
    mujoco.mj_forward(legs.model, data)
    mujoco.mj_subtreeVel(legs.model, data)
    momentum = mass * data.subtree_linvel[1][2]
    gravity_impulse = mass * 9.81 * steps * legs.model.opt.timestep
    assert sim.center_of_mass[0, 2] < height + 0.05
    assert impulse == pytest.approx(momentum + gravity_impulse, rel=0.02)


def test_an_unknown_engine_is_refused(legs: Body) -> None:
    with pytest.raises(MsemuError, match="unknown device 'tpu'"):
        make_simulation(legs.model, 1, SimCfg(device="tpu"))


def test_the_time_step_is_set_on_a_copy(legs: Body) -> None:
    assert make_simulation(legs.model, 1, SimCfg(timestep_s=0.001)).model.opt.timestep == 0.001
    assert legs.model.opt.timestep == 0.002
