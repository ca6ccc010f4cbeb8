"""The CPU engine with msemu's own muscles."""

import numpy as np
import pytest
import torch

from msemu.models import Body, load_body
from msemu.schema import LEVELS, MuscleCfg, SimCfg
from msemu.sim import CpuSimulation, make_simulation
from msemu.sim.force_driven import ForceDrivenSimulation
from msemu.sim.randomization import Variation

NUM_ENVS = 3


def start(sim: CpuSimulation, body: Body) -> CpuSimulation:
    qpos = torch.from_numpy(np.repeat(body.neutral_qpos[None], NUM_ENVS, axis=0))
    everything = torch.ones(NUM_ENVS, dtype=torch.bool)
    sim.reset(everything, qpos, torch.zeros(NUM_ENVS, body.model.nv), torch.full((NUM_ENVS, body.num_muscles), 0.1))
    return sim


def excitation(body: Body, step: int) -> torch.Tensor:
    return 0.4 * torch.rand(NUM_ENVS, body.num_muscles, generator=torch.Generator().manual_seed(step))


def test_mujocos_muscle_in_the_kernels_moves_the_body_as_in_the_engine(legs: Body) -> None:
    ours = start(ForceDrivenSimulation(legs.model, NUM_ENVS, MuscleCfg(level="mujoco"), num_threads=2), legs)
    theirs = start(CpuSimulation(legs.model, NUM_ENVS, num_threads=2), legs)
    for step in range(15):
        ours.step(excitation(legs, step), 10)
        theirs.step(excitation(legs, step), 10)
    peak = legs.model.actuator_gainprm[:, 2]
    np.testing.assert_allclose(ours.act, theirs.act, atol=1e-4)
    np.testing.assert_allclose(ours.qpos, theirs.qpos, atol=1e-3)
    np.testing.assert_allclose(ours.muscle_force / peak, theirs.muscle_force / peak, atol=1e-3)
    assert (theirs.qpos - torch.from_numpy(legs.neutral_qpos)).abs().max() > 0.1, "the body must have moved"


@pytest.mark.parametrize("level", LEVELS)
def test_a_fall_of_the_whole_body_stays_finite_at_every_level(level: str) -> None:
    """One second at 2 ms, with random excitation of all muscles."""
    body = load_body("myofullbody")
    sim = start(ForceDrivenSimulation(body.model, NUM_ENVS, MuscleCfg(level=level), num_threads=2), body)
    height = sim.center_of_mass[:, 2].clone()
    for step in range(50):
        sim.step(torch.rand(NUM_ENVS, body.num_muscles, generator=torch.Generator().manual_seed(step)), 10)
        assert not sim.unstable.any()
        assert torch.isfinite(sim.qpos).all() and torch.isfinite(sim.muscle_force).all()
    assert (sim.center_of_mass[:, 2] < height - 0.2).all(), "the body must have fallen"


def test_a_reset_touches_only_its_environments(legs: Body) -> None:
    sim = start(ForceDrivenSimulation(legs.model, NUM_ENVS, MuscleCfg(level="elastic"), num_threads=2), legs)
    sim.step(excitation(legs, 0), 10)
    before = {name: getattr(sim, name).clone() for name in ("qpos", "act", "muscle_force")}
    qpos = torch.from_numpy(np.repeat(legs.neutral_qpos[None], NUM_ENVS, axis=0))
    mask = torch.tensor([False, True, False])
    sim.reset(mask, qpos, torch.zeros(NUM_ENVS, legs.model.nv), torch.full((NUM_ENVS, legs.num_muscles), 0.3))
    for name, values in before.items():
        after = getattr(sim, name)
        assert torch.equal(after[[0, 2]], values[[0, 2]]) and not torch.equal(after[1], values[1])
    assert torch.allclose(sim.act[1], torch.tensor(0.3))


def test_a_saved_state_continues_exactly(legs: Body) -> None:
    sim, twin = (ForceDrivenSimulation(legs.model, NUM_ENVS, MuscleCfg(level="elastic"), threads) for threads in (1, 2))
    start(sim, legs).step(excitation(legs, 0), 7)
    twin.load_state_dict(sim.state_dict())
    for engine in (sim, twin):
        engine.step(excitation(legs, 1), 7)
    assert torch.equal(sim.qpos, twin.qpos) and torch.equal(sim.act, twin.act)
    assert torch.equal(sim.muscle_force, twin.muscle_force)


def test_the_number_of_threads_changes_nothing(legs: Body) -> None:
    variation = Variation(mass=np.array([1.0, 1.2, 0.8]), friction=np.array([1.0, 0.5, 1.5]))
    sims = [
        start(ForceDrivenSimulation(legs.model, NUM_ENVS, MuscleCfg(level="rigid"), threads, variation=variation), legs)
        for threads in (1, 2, 5)
    ]
    for sim in sims:
        sim.root_force[:, 2] = torch.tensor([0.0, 50.0, 100.0])
        for step in range(3):
            sim.step(excitation(legs, step), 10)
    one, *others = sims
    assert not torch.equal(one.qpos[0], one.qpos[1])
    for other in others:
        for name in ("qpos", "act", "muscle_length", "muscle_force", "contact_force", "body_position", "unstable"):
            assert torch.equal(getattr(other, name), getattr(one, name)), name
        assert torch.equal(other.moment_arms(), one.moment_arms())
        assert torch.equal(other.field("subtree_com"), one.field("subtree_com"))


def test_bodies_vary_as_in_the_engine_itself(legs: Body) -> None:
    variation = Variation(mass=np.array([1.0, 1.2, 0.8]), friction=np.array([1.0, 0.5, 1.5]))
    ours = ForceDrivenSimulation(legs.model, NUM_ENVS, MuscleCfg(level="mujoco"), 2, variation=variation)
    theirs = CpuSimulation(legs.model, NUM_ENVS, 2, variation=variation)
    for sim in (start(ours, legs), start(theirs, legs)):
        for step in range(5):
            sim.step(excitation(legs, step), 10)
    np.testing.assert_allclose(ours.qpos, theirs.qpos, atol=1e-4)


def test_the_configuration_chooses_the_muscle(legs: Body) -> None:
    assert type(make_simulation(legs.model, 1, SimCfg())) is CpuSimulation
    assert type(make_simulation(legs.model, 1, SimCfg(muscle=MuscleCfg(level="elastic")))) is ForceDrivenSimulation
