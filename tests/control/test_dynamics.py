"""The reduced equation of motion against MuJoCo's own inverse dynamics, Jacobians and muscles."""

import mujoco
import numpy as np
import pytest
import torch

from msemu.control.activation_inverse import ActivationInverse
from msemu.control.dynamics import DynamicsReader
from msemu.control.muscle_capacity import MuscleCapacity, pulling_part
from msemu.models import Body
from msemu.models.geoms import lowest_points
from msemu.models.muscle_paths import moment_arms
from msemu.models.poses import random_poses
from msemu.muscle import in_numpy as reference
from msemu.muscle.parameters import MuscleParameters
from msemu.sim.cpu import CpuSimulation

NUM_STATES = 5


@pytest.fixture(scope="module")
def states(legs: Body) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Random poses, speeds that obey the couplings, and independent accelerations."""
    random = np.random.default_rng(0)
    qpos = random_poses(legs.model, NUM_STATES, seed=0)
    qpos[:, 3:7] = random.normal(size=(NUM_STATES, 4))
    qpos[:, 3:7] /= np.linalg.norm(qpos[:, 3:7], axis=1, keepdims=True)
    qvel = legs.couplings.project_velocity(qpos, random.normal(size=(NUM_STATES, legs.model.nv)))
    return qpos, qvel, random.normal(scale=10, size=(NUM_STATES, 6 + len(legs.independent_joints)))


def slopes_of(body: Body, qpos: np.ndarray, index: np.ndarray) -> np.ndarray:
    """G of one pose from the couplings' own chain rule, shape [nv, D]."""
    unit = np.zeros((len(index), body.model.nv))
    unit[np.arange(len(index)), index] = 1.0
    return body.couplings.project_velocity(np.tile(qpos, (len(index), 1)), unit).T


def test_required_forces_are_those_of_the_engines_inverse_dynamics(legs: Body, states) -> None:
    qpos, qvel, acceleration = states
    model = legs.model
    reader = DynamicsReader(legs, NUM_STATES, ["foot_r", "foot_l"])
    state = reader.read(*map(torch.from_numpy, states))
    data = mujoco.MjData(model)
    index = reader.dofs.index.numpy()
    step = 1e-6
    for number in range(NUM_STATES):
        slopes = slopes_of(legs, qpos[number], index)
        later = qpos[number].copy()
        mujoco.mj_integratePos(model, later, qvel[number], step)
        drift = (slopes_of(legs, legs.couplings.project(later), index) - slopes) / step
        data.qpos, data.qvel = qpos[number], qvel[number]
        data.qacc = slopes @ acceleration[number] + drift @ qvel[number][index]
        mujoco.mj_inverse(model, data)
        expected = slopes.T @ (data.qfrc_inverse + data.qfrc_constraint)
        np.testing.assert_allclose(state.required_force[number], expected, rtol=1e-5, atol=1e-3)
        mass = np.zeros((model.nv, model.nv))
        mujoco.mj_fullM(model, data, mass)
        np.testing.assert_allclose(state.mass[number], slopes.T @ mass @ slopes, atol=1e-9)
        assert not state.mass[number][~reader.mass_pattern()].any()
        arms = moment_arms(model, qpos[number : number + 1])[0] @ slopes
        np.testing.assert_allclose(state.moment_arms[number], arms, atol=1e-12)


def test_muscles_are_found_to_move_just_the_joints_that_they_span(legs: Body) -> None:
    reader = DynamicsReader(legs, 1, ["foot_r", "foot_l"])
    poses = random_poses(legs.model, 20, seed=4)
    index = reader.dofs.index.numpy()
    slopes = np.stack([slopes_of(legs, pose, index) for pose in poses])
    moved = np.abs(moment_arms(legs.model, poses) @ slopes).max(axis=0) > 1e-9
    assert not moved[:, :6].any()
    np.testing.assert_array_equal(reader.pattern()[:, : legs.num_muscles].numpy(), moved.T)


def test_contact_points_are_the_lowest_and_their_forces_act_through_the_jacobian(legs: Body, states) -> None:
    qpos, qvel, _ = states
    model, data = legs.model, mujoco.MjData(legs.model)
    reader = DynamicsReader(legs, NUM_STATES, ["foot_r", "foot_l"])
    contacts = reader.read(*map(torch.from_numpy, states)).contacts
    for number in range(NUM_STATES):
        data.qpos = qpos[number]
        mujoco.mj_kinematics(model, data)
        mujoco.mj_comPos(model, data)
        slopes = slopes_of(legs, qpos[number], reader.dofs.index.numpy())
        positions = contacts.position[number].numpy()
        for geom in (*legs.contact_regions["foot_r"], *legs.contact_regions["foot_l"]):
            mine = [point for point, name in enumerate(reader.points.names) if name == model.geom(geom).name]
            lowest = lowest_points(model, data, np.array([geom]))[0]
            assert np.abs(positions[mine] - lowest).max(1).min() < 1e-12
            for point in mine:
                jacobian = np.zeros((3, model.nv))
                mujoco.mj_jac(model, data, jacobian, None, positions[point], model.geom_bodyid[geom])
                np.testing.assert_allclose(contacts.velocity[number, point], jacobian @ qvel[number], atol=1e-10)
                edges = (reader.points.edges[point].numpy() @ jacobian @ slopes).T
                np.testing.assert_allclose(contacts.edge_force[number, :, point], edges, atol=1e-12)


@pytest.mark.parametrize(("level", "model_of"), [("mujoco", "mujoco_state"), ("rigid", "rigid_state")])
def test_capacity_is_the_force_of_the_muscle(legs: Body, level: str, model_of: str) -> None:
    parameters = MuscleParameters.of(legs.model)
    random = np.random.default_rng(0)
    fiber = random.uniform(0.6, 1.4, (20, len(parameters)))
    length = parameters.tendon_slack_length + fiber * parameters.optimal_fiber_length
    velocity = random.uniform(-3, 3, fiber.shape) * parameters.optimal_fiber_length
    active, passive = MuscleCapacity(parameters, level).forces(torch.from_numpy(length), torch.from_numpy(velocity))
    least, taut = pulling_part(active, passive)
    for share in (0.0, 0.5, 1.0):
        activation = least.numpy() + share * (1 - least.numpy())
        expected = getattr(reference, model_of)(parameters, activation, length, velocity).force
        force = activation * active.numpy() + taut.numpy()
        np.testing.assert_allclose(force, expected, atol=2e-5 * parameters.max_isometric_force.max())
    assert (least > 0).any() == (level == "rigid")


@pytest.mark.parametrize("dynamics", ["mujoco", "de_groote"])
def test_the_excitation_leads_to_the_wanted_activation(legs: Body, dynamics: str) -> None:
    parameters = MuscleParameters.of(legs.model)
    inverse = ActivationInverse(parameters, 10, 0.002, dynamics)
    generator = torch.Generator().manual_seed(0)
    now = torch.rand(50, len(parameters), generator=generator)
    lower, upper = inverse.reachable(now)
    assert (lower <= now).all() and (now <= upper).all()
    wanted = lower + torch.rand(now.shape, generator=generator) * (upper - lower)
    excitation = inverse.excitation(now, lower, upper, wanted)
    assert ((excitation >= 0) & (excitation <= 1)).all()
    rate = getattr(reference, f"{dynamics}_activation_rate")
    reached = now.double().numpy()
    for _ in range(10):
        reached = reached + 0.002 * rate(parameters, excitation.numpy(), reached)
    np.testing.assert_allclose(reached, wanted, atol=1e-4)
    # Out of reach: the nearest end.
    assert (inverse.excitation(now, lower, upper, upper + 0.1) == 1.0).all()
    assert (inverse.excitation(now, lower, upper, lower - 0.1) == 0.0).all()


def test_the_engine_reaches_the_wanted_activation(legs: Body) -> None:
    sim = CpuSimulation(legs.model, 2, 1)
    now = torch.linspace(0.0, 0.9, 2 * legs.model.nu).reshape(2, -1).double()
    sim.reset(torch.ones(2, dtype=torch.bool), sim.qpos.clone(), sim.qvel.clone(), now)
    inverse = ActivationInverse(MuscleParameters.of(legs.model), 10, legs.model.opt.timestep)
    lower, upper = inverse.reachable(now.float())
    wanted = 0.3 * lower + 0.7 * upper
    sim.step(inverse.excitation(now.float(), lower, upper, wanted).double(), 10)
    torch.testing.assert_close(sim.act, wanted.double(), atol=1e-4, rtol=0)
