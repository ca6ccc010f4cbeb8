"""The lean model and its simulation, against the whole one on the engine's tendons."""

from collections.abc import Iterator
from dataclasses import replace

import mujoco
import numpy as np
import pytest
import torch

from msemu.control.independent_dofs import IndependentDofs
from msemu.models import Body, load_body
from msemu.models.lean import make_lean
from msemu.models.muscle_paths import moment_arms
from msemu.models.poses import random_poses
from msemu.models.simulated import simulate
from msemu.motion.kinematics import LandmarkModel
from msemu.muscle.parameters import MuscleParameters
from msemu.schema import LEVELS, MuscleCfg, SimCfg
from msemu.sim import Simulation

NUM_ENVS = 3
EVERYWHERE = torch.ones(NUM_ENVS, dtype=torch.bool)
ON_CPU = SimCfg(device="cpu", num_threads=2)


def both(body: Body, **options: object) -> tuple[Simulation, Simulation]:
    """The same body on exact paths and on the engine's tendons, in the same state of motion."""
    cfg = replace(ON_CPU, **options)
    sims = tuple(simulate(body, NUM_ENVS, replace(cfg, paths=paths)) for paths in ("exact", "engine"))
    random = torch.Generator().manual_seed(0)
    qpos = torch.tensor(body.neutral_qpos).repeat(NUM_ENVS, 1)
    qpos[:, 2] += 0.05 * torch.rand(NUM_ENVS, generator=random)
    qvel = 0.3 * torch.randn(NUM_ENVS, body.model.nv, generator=random, dtype=torch.float64)
    act = 0.2 * torch.rand(NUM_ENVS, body.num_muscles, generator=random)
    for sim in sims:
        sim.reset(EVERYWHERE, qpos, qvel, act)
    return sims


def excitation(body: Body, step: int = 0) -> torch.Tensor:
    return 0.5 * torch.rand(NUM_ENVS, body.num_muscles, generator=torch.Generator().manual_seed(step))


@pytest.mark.parametrize("name", ["myolegs", "myofullbody"])
def test_the_lean_model_moves_as_the_whole_one(name: str) -> None:
    """Masses, bias forces, couplings, contacts and their forces, with the muscles' force applied to the joints."""
    whole = load_body(name).model
    lean = make_lean(whole)
    assert [lean.model.joint(i).name for i in range(lean.model.njnt)] == [
        whole.joint(i).name for i in range(whole.njnt)
    ]
    assert lean.model.nbody < whole.nbody and lean.model.nu == lean.model.ntendon == lean.model.nsite == 0
    touched = 0
    for seed, qpos in enumerate([load_body(name).neutral_qpos, *random_poses(whole, 4, seed=3)]):
        datas = mujoco.MjData(whole), mujoco.MjData(lean.model)
        for data in datas:
            data.qpos, data.qvel = qpos, np.random.default_rng(seed).normal(size=whole.nv)
        mujoco.mj_forward(whole, datas[0])
        datas[1].qfrc_applied = datas[0].qfrc_actuator
        mujoco.mj_forward(lean.model, datas[1])
        masses = [np.zeros((whole.nv, whole.nv)) for _ in datas]
        for model, data, mass in zip((whole, lean.model), datas, masses, strict=True):
            mujoco.mj_fullM(model, data, mass)
        np.testing.assert_allclose(masses[1], masses[0], atol=1e-12)
        np.testing.assert_allclose(datas[1].qfrc_bias, datas[0].qfrc_bias, atol=1e-10)
        np.testing.assert_allclose(datas[1].subtree_com[1], datas[0].subtree_com[1], atol=1e-12)
        assert (datas[1].ncon, datas[1].nefc) == (datas[0].ncon, datas[0].nefc)
        scale = np.abs(datas[0].qacc).max()
        np.testing.assert_allclose(datas[1].qacc / scale, datas[0].qacc / scale, atol=1e-4)
        np.testing.assert_allclose(datas[1].sensordata, datas[0].sensordata, rtol=1e-4, atol=1e-2)
        touched += datas[0].ncon
    assert touched, "a pose must touch the floor"


@pytest.mark.parametrize("level", LEVELS)
def test_it_moves_as_on_the_engines_tendons(legs: Body, level: str) -> None:
    exact, engine = both(legs, muscle=MuscleCfg(level=level))
    assert exact.is_lean and not engine.is_lean
    strongest = torch.from_numpy(MuscleParameters.of(legs.model).max_isometric_force)
    torch.testing.assert_close(exact.muscle_length, engine.muscle_length, rtol=0, atol=1e-12)
    torch.testing.assert_close(exact.muscle_velocity, engine.muscle_velocity, rtol=0, atol=1e-12)
    torch.testing.assert_close(exact.moment_arms(), engine.moment_arms(), rtol=0, atol=1e-6)
    for step in range(5):
        for sim in (exact, engine):
            sim.root_force[:, 2] = 50.0
            sim.step(excitation(legs, step), 10)
    torch.testing.assert_close(exact.qpos, engine.qpos, rtol=0, atol=1e-3)
    torch.testing.assert_close(exact.act.float(), engine.act.float(), rtol=0, atol=1e-5)
    assert ((exact.muscle_force - engine.muscle_force).abs() / strongest).max() < 1e-4
    torch.testing.assert_close(exact.contact_force, engine.contact_force, rtol=0, atol=0.1)
    assert engine.contact_force.abs().max() > 100.0


def test_landmarks_are_read_off_the_lean_bodies(legs: Body) -> None:
    exact, engine = both(legs)
    read = []
    for sim, body in ((exact, legs.lean), (engine, legs)):
        names = ("qpos", "qvel", "body_position", "body_quaternion", "body_velocity", "center_of_mass")
        read.append(LandmarkModel(body, torch.device("cpu")).read(*(getattr(sim, name) for name in names)))
    for name, values in vars(read[0]).items():
        torch.testing.assert_close(values, getattr(read[1], name), rtol=0, atol=1e-6, msg=name)


def test_a_reset_touches_only_its_environments_and_a_saved_state_continues(legs: Body) -> None:
    sim, _ = both(legs, muscle=MuscleCfg(level="elastic"))
    sim.root_force[:, 0] = 20.0
    sim.step(excitation(legs), 10)
    before = {
        name: getattr(sim, name).clone() for name in ("qpos", "act", "muscle_force", "muscle_length", "root_force")
    }
    mask = torch.tensor([False, True, False])
    qpos = torch.tensor(legs.neutral_qpos).repeat(NUM_ENVS, 1)
    sim.reset(mask, qpos, torch.zeros(NUM_ENVS, legs.model.nv), torch.full((NUM_ENVS, legs.num_muscles), 0.3))
    for name, values in before.items():
        assert torch.equal(getattr(sim, name)[~mask], values[~mask]), name
        assert not torch.equal(getattr(sim, name)[mask], values[mask]), name
    assert not sim.root_force[mask].any()
    saved = sim.state_dict()
    sim.step(excitation(legs, 1), 10)
    after = sim.qpos.clone()
    sim.load_state_dict(saved)
    sim.step(excitation(legs, 1), 10)
    assert torch.equal(sim.qpos, after)


@pytest.mark.parametrize("level", LEVELS)
def test_muscles_do_not_turn_a_body_in_flight(level: str) -> None:
    """The angular momentum about the center of mass is constant with all muscles active.

    Euler's method loses 3e-3 of it in 40 ms at steps of 2 ms, on the engine's tendons as well, and a tenth at 0.2 ms.
    """
    body = load_body("myofullbody")
    sim = simulate(body, 1, replace(ON_CPU, timestep_s=0.0002, muscle=MuscleCfg(level=level)))
    qpos = torch.tensor(body.neutral_qpos)[None].clone()
    qpos[:, 2] += 2.0
    qvel = torch.zeros(1, body.model.nv, dtype=torch.float64)
    qvel[:, 3:6] = torch.tensor([2.0, 3.0, 1.0])
    sim.reset(EVERYWHERE[:1], qpos, qvel, torch.full((1, body.num_muscles), 0.5))

    def momentum() -> np.ndarray:
        data = mujoco.MjData(sim.model)
        data.qpos, data.qvel = sim.qpos[0].numpy(), sim.qvel[0].numpy()
        mujoco.mj_fwdPosition(sim.model, data)
        mujoco.mj_comVel(sim.model, data)
        mujoco.mj_subtreeVel(sim.model, data)
        return data.subtree_angmom[1].copy()

    start = momentum()
    sim.step(torch.full((1, body.num_muscles), 0.5), 200)
    moved = (sim.qpos - qpos).abs()[:, 7:].max()
    assert moved > 0.1, "the muscles must have moved the joints"
    assert np.linalg.norm(momentum() - start) < 1e-3 * np.linalg.norm(start)


@pytest.fixture
def unsupported(legs: Body) -> Iterator[Body]:
    """A body whose first tendon is a spring as well."""
    legs.model.tendon_stiffness[0] = 10.0
    yield replace(legs)
    legs.model.tendon_stiffness[0] = 0.0


def test_a_body_with_other_paths_stays_on_the_engines_tendons(
    unsupported: Body, capsys: pytest.CaptureFixture[str]
) -> None:
    sim = simulate(unsupported, 1, ON_CPU)
    assert not sim.is_lean
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("name", ["myolegs", "myofullbody"])
def test_moment_arms_about_what_coupled_joints_hang_on(name: str) -> None:
    """Against MuJoCo's moment arms, folded by the couplings' slopes; exactly zero where a path spans nothing."""
    body = load_body(name)
    sims, dofs = both(body), IndependentDofs(body)
    slopes = dofs.slopes(sims[0].qpos)
    expected = dofs.reduce(torch.from_numpy(moment_arms(body.model, sims[0].qpos.numpy())), slopes)
    velocity = torch.randn(NUM_ENVS, len(dofs), generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    force = torch.rand(NUM_ENVS, body.num_muscles, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    for sim in sims:
        reader = sim.arm_reader(dofs.owner.numpy())
        arms = reader.read(slopes)
        dense = arms.dense()
        torch.testing.assert_close(dense, expected, rtol=0, atol=1e-6)
        assert not dense[:, expected.abs().amax(0) < 1e-12].any(), "a path has a moment arm where it spans nothing"
        assert not dense[..., :6].any() and not dense[:, ~reader.pattern()].any()
        torch.testing.assert_close(arms.speed(velocity), torch.einsum("emd,ed->em", dense, velocity))
        torch.testing.assert_close(arms.generalized_force(force), torch.einsum("emd,em->ed", dense, force))
