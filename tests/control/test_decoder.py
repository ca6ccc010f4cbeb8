"""The muscle decoder, and the sparse solver behind it against the dense one."""

import numpy as np
import pytest
import torch

from msemu.control.dynamics import DynamicsReader
from msemu.control.solver.dense import BoundedLeastSquares, Solution, solve
from msemu.control.solver.sparse import SparseLeastSquares
from msemu.control.tracking.decoder import MuscleDecoder
from msemu.control.tracking.preference import Preferences
from msemu.models import Body
from msemu.schema import DecoderCfg
from msemu.sim.cpu import CpuSimulation

NUM_ENVS = 4
EVERY = torch.ones(NUM_ENVS, dtype=torch.bool)


def make_decoder(body: Body, iterations: int = 25) -> tuple[MuscleDecoder, DynamicsReader]:
    reader = DynamicsReader(body, NUM_ENVS, ["foot_r", "foot_l"], 1)
    settings = DecoderCfg(effort=1e-5, iterations=iterations, tolerance=1e-3)
    return MuscleDecoder(body, reader, NUM_ENVS, 10, 0.002, settings=settings, num_threads=2), reader


@pytest.fixture
def flying(legs: Body) -> CpuSimulation:
    """Bodies in the air with flexed knees and hips, away from the joints' limits."""
    sim = CpuSimulation(legs.model, NUM_ENVS, 1)
    qpos = torch.from_numpy(legs.neutral_qpos).repeat(NUM_ENVS, 1)
    qpos[:, 2] += 1.0
    for name, angle in (("hip_flexion", 0.4), ("knee_angle", 0.7), ("mtp_angle", 0.1)):
        for side in "rl":
            qpos[:, 7 + legs.joint_names.index(f"{name}_{side}")] = angle
    qpos = torch.from_numpy(legs.couplings.project(qpos.numpy()))
    sim.reset(EVERY, qpos, torch.zeros_like(sim.qvel), torch.full_like(sim.act, 0.05))
    return sim


def hold(reader: DynamicsReader, sim: CpuSimulation, pose: torch.Tensor) -> torch.Tensor:
    """Accelerations of a body in free fall that pull the joints back to a pose."""
    joints = reader.dofs.index[6:]
    wanted = torch.zeros(NUM_ENVS, len(reader.dofs), dtype=torch.float64)
    wanted[:, 2] = -9.81
    wanted[:, 6:] = 100 * (pose[:, joints + 1] - sim.qpos[:, joints + 1]) - 20 * sim.qvel[:, joints]
    return wanted


def test_the_sparse_solver_is_the_dense_one() -> None:
    generator = torch.Generator().manual_seed(0)

    def rand(*shape: int) -> torch.Tensor:
        return torch.rand(*shape, generator=generator, dtype=torch.float64)

    pattern, target = rand(9, 30) < 0.3, 3 * rand(11, 9)
    matrix = (rand(11, 9, 30) - 0.4) * pattern
    # Four residuals are correlated; the dense solver gets the problem with all made independent.
    root = torch.eye(9, dtype=torch.float64) + (rand(11, 9, 9) - 0.5) * torch.nn.functional.pad(
        torch.ones(4, 4), (5, 0, 5, 0)
    )
    covariance = root @ root.mT
    whitening = torch.linalg.inv(torch.linalg.cholesky(covariance))
    is_open = rand(11, 30) < 0.9
    lower = torch.where(is_open, 0.1 * rand(11, 30), 0.0)
    problem = BoundedLeastSquares(
        matrix=whitening @ (matrix * is_open.unsqueeze(1)),
        target=(whitening @ target.unsqueeze(-1)).squeeze(-1),
        quadratic=1e-3 + rand(11, 30) * 1e-2,
        lower=lower,
        upper=lower + 0.5 + rand(11, 30),
    )
    sparse = SparseLeastSquares(pattern, (covariance != 0.0).any(0), 11)
    values = matrix[:, sparse.row, sparse.column]
    start = torch.full_like(lower, torch.nan).where(~is_open, 0.2)
    rest = (values, covariance, target, problem.quadratic, problem.lower, problem.upper, is_open, start)
    found, expected = sparse.solve(*rest, iterations=30, tolerance=1e-6), solve(problem, iterations=30)
    assert found.converged.all() and expected.converged.all()
    # A closed unknown is zero in one and its free optimum, zero as well, in the other.
    torch.testing.assert_close(found.x, expected.x, atol=1e-5, rtol=0)
    whitened = (whitening @ found.residual.unsqueeze(-1)).squeeze(-1)
    torch.testing.assert_close(whitened, expected.residual, atol=1e-6, rtol=0)
    unfinished = sparse.solve(*rest, iterations=2, tolerance=1e-6)
    assert not unfinished.converged.any()
    torch.testing.assert_close(unfinished.relative_gap, problem.relative_gap(unfinished.x), rtol=1e-6, atol=0)


def test_a_problem_that_is_no_number_leaves_its_neighbors_alone() -> None:
    generator = torch.Generator().manual_seed(1)
    matrix = torch.randn(11, 6, 20, generator=generator, dtype=torch.float64)
    sparse = SparseLeastSquares(torch.ones(6, 20, dtype=torch.bool), torch.eye(6, dtype=torch.bool), 11)
    independent = torch.eye(6, dtype=torch.float64).repeat(11, 1, 1)
    ones = torch.ones(11, 20, dtype=torch.float64)

    def solve_all(target: torch.Tensor) -> Solution:
        rest = (1e-3 * ones, 0 * ones, ones, ones > 0, 0.5 * ones)
        values = matrix[:, sparse.row, sparse.column]
        return sparse.solve(values, independent, target, *rest, iterations=20, tolerance=1e-6)

    target = torch.ones(11, 6, dtype=torch.float64)
    expected = solve_all(target)
    target[3, 0] = torch.nan
    found, others = solve_all(target), torch.arange(11) != 3
    assert expected.converged.all() and found.converged[others].all() and not found.converged[3]
    assert torch.equal(found.x[others], expected.x[others])
    assert ((found.x[3] >= 0) & (found.x[3] <= 1)).all()


def test_muscles_hold_a_pose_in_the_air(legs: Body, flying: CpuSimulation) -> None:
    decoder, reader = make_decoder(legs)
    pose = flying.qpos.clone()
    for _ in range(15):
        decoded = decoder.decode(reader.read(flying.qpos, flying.qvel, hold(reader, flying, pose)), flying.act)
        assert ((decoded.excitation >= 0) & (decoded.excitation <= 1)).all()
        flying.step(decoded.excitation.double(), 10)
        torch.testing.assert_close(flying.act, decoded.activation, atol=1e-4, rtol=0)
    assert decoded.converged.all()
    assert (decoded.residual / decoder.scale)[:, 6:].abs().max() < 0.01
    joints = reader.dofs.index[6:] + 1
    held = torch.rad2deg((flying.qpos - pose)[:, joints].abs().max())
    flying.reset(EVERY, pose, torch.zeros_like(flying.qvel), torch.full_like(flying.act, 0.05))
    flying.step(torch.zeros_like(flying.act), 150)
    loose = torch.rad2deg((flying.qpos - pose)[:, joints].abs().max())
    assert held < 2.0 < 10.0 < loose


def test_an_unfinished_solve_is_reported_and_stays_in_bounds(legs: Body, flying: CpuSimulation) -> None:
    decoder, reader = make_decoder(legs, iterations=1)
    decoded = decoder.decode(reader.read(flying.qpos, flying.qvel, hold(reader, flying, flying.qpos)), flying.act)
    assert not decoded.converged.any()
    assert ((decoded.excitation >= 0) & (decoded.excitation <= 1)).all()


def test_a_reset_body_starts_afresh_and_the_others_do_not(legs: Body, flying: CpuSimulation) -> None:
    decoder, reader = make_decoder(legs, iterations=3)
    state = reader.read(flying.qpos, flying.qvel, hold(reader, flying, flying.qpos))
    first = decoder.decode(state, flying.act)
    decoder.reset(torch.tensor([True, False, False, False]))
    second = decoder.decode(state, flying.act)
    torch.testing.assert_close(second.activation[0], first.activation[0])
    assert not torch.isclose(second.activation[1:], first.activation[1:]).all(1).any()


def test_threads_share_the_bodies_and_change_nothing(legs: Body, flying: CpuSimulation) -> None:
    reader = DynamicsReader(legs, NUM_ENVS, ["foot_r", "foot_l"], 1)
    state = reader.read(flying.qpos, flying.qvel, hold(reader, flying, flying.qpos))
    for name in ("required_force", "muscle_length", "muscle_velocity"):
        getattr(state, name)[1:] *= 1.01  # unlike bodies, so that an exchange of rows shows
    alone, shared = (
        MuscleDecoder(legs, reader, NUM_ENVS, 10, 0.002, num_threads=threads).decode(state, flying.act)
        for threads in (1, 3)
    )
    assert not torch.equal(alone.excitation[0], alone.excitation[1])
    for expected, found in zip(vars(alone).values(), vars(shared).values(), strict=True):
        assert torch.equal(expected, found)


def test_what_is_missing_is_the_acceleration_that_the_missing_force_would_give(
    legs: Body, flying: CpuSimulation
) -> None:
    decoder, reader = make_decoder(legs)
    wanted = hold(reader, flying, flying.qpos)
    wanted[1:, 6:] += 300.0 * torch.randn(NUM_ENVS - 1, wanted.shape[1] - 6, generator=torch.Generator().manual_seed(0))
    state = reader.read(flying.qpos, flying.qvel, wanted)
    decoded = decoder.decode(state, flying.act)
    least = np.maximum(np.diagonal(state.mass, axis1=1, axis2=2), decoder.settings.joint_inertia_kg_m2)
    weighed = state.mass.clone()
    for joint in range(6, wanted.shape[1]):
        weighed[:, joint, joint] = torch.from_numpy(least[:, joint])
    assert (weighed > state.mass).any()
    acceleration = torch.linalg.solve(weighed, decoded.residual)
    expected = ((acceleration * decoded.residual).sum(1) / legs.mass).sqrt()
    torch.testing.assert_close(decoded.missing_acceleration, expected, rtol=1e-6, atol=1e-9)
    assert (expected[1:] > 1.0).all()


def test_effort_counts_from_what_is_usual(legs: Body, flying: CpuSimulation) -> None:
    """Muscles that have nothing to do go where they usually are, and those that have leave it for their work."""
    decoder, reader = make_decoder(legs)
    state = reader.read(flying.qpos, flying.qvel, hold(reader, flying, flying.qpos))
    lower, upper = decoder._inverse(10).reachable(flying.act.float())
    habit = (lower + 0.7 * (upper - lower)).double()
    plain, led = decoder.decode(state, flying.act), decoder.decode(state, flying.act, habit)
    assert plain.converged.all() and led.converged.all()
    assert (led.activation - habit).square().sum() < (plain.activation - habit).square().sum()
    assert (led.residual / decoder.scale)[:, 6:].abs().max() < 0.01


def some_preferences(num_muscles: int) -> Preferences:
    """Weights; weights and a tone; a cube; everything at once."""
    generator = torch.Generator().manual_seed(3)
    weight = torch.exp(2.0 * torch.randn(NUM_ENVS, num_muscles, generator=generator, dtype=torch.float64))
    weight[2] = 1.0
    tone = 0.1 * torch.rand(NUM_ENVS, num_muscles, generator=generator, dtype=torch.float64)
    tone[[0, 2]] = 0.0
    capacity = torch.ones_like(weight)
    capacity[3, ::5] = 0.2

    def column(*values: float) -> torch.Tensor:
        return torch.tensor(values, dtype=torch.float64).unsqueeze(1)

    return Preferences(weight, tone, column(0, 0, 0, 0), capacity, column(2, 2, 3, 4), column(0, 0, 0, 0.5))


def test_the_decoder_finds_the_least_effort_of_each_body(legs: Body, flying: CpuSimulation) -> None:
    decoder, reader = make_decoder(legs)
    decoder._effort *= 100.0
    speed = torch.randn(flying.qvel.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    flying.reset(torch.ones(NUM_ENVS, dtype=torch.bool), flying.qpos.clone(), 0.3 * speed, flying.act.clone())
    state = reader.read(flying.qpos, flying.qvel, hold(reader, flying, flying.qpos))
    decoder.preferences = wanted = some_preferences(legs.num_muscles)
    for _ in range(40):
        decoded = decoder.decode(state, flying.act, wanted.tone)
    assert decoded.converged.all()

    active, passive = decoder._capacity.forces(state.muscle_length, state.muscle_velocity)
    pull = (-(state.moment_arms * active.unsqueeze(-1)).mT / decoder.scale.unsqueeze(-1)).numpy()
    target = decoder._balance.target(state, passive).numpy()
    covariance = decoder._balance.covariance(state, decoder.settings).numpy()
    lower, upper = (bound.double().numpy() for bound in decoder._inverse(10).reachable(flying.act.float()))
    power = np.square((active * state.muscle_velocity).numpy())
    for env in range(NUM_ENVS):
        weight, tone, _, capacity, exponent, share = (each[env].numpy() for each in vars(wanted).values())
        weight = 1e-3 * weight * (1 - share + share * power[env] / power[env].mean()) / 0.2 ** (exponent - 2)
        metric = np.linalg.inv(covariance[env])
        most = np.minimum(upper[env], np.maximum(capacity, lower[env] + 0.01 * (upper[env] - lower[env])))

        def cost(a: np.ndarray, parts: tuple = (env, weight, tone, exponent, metric)) -> tuple[float, np.ndarray]:
            env, weight, tone, exponent, metric = parts
            missing, beyond = pull[env] @ a - target[env], a - tone
            effort = (weight * np.abs(beyond) ** exponent).sum()
            slope = weight * exponent * np.abs(beyond) ** (exponent - 1) * np.sign(beyond)
            return 0.5 * missing @ metric @ missing + effort, pull[env].T @ metric @ missing + slope

        found = decoded.activation[env].numpy().clip(lower[env], most)
        np.testing.assert_allclose(found, decoded.activation[env], atol=1e-6)
        value, slope = cost(found)
        # The effort is convex, so no activations within the bounds cost less than the tangent allows.
        assert (slope * (found - np.where(slope > 0.0, lower[env], most))).sum() < 5e-3 * value
        assert cost(tone.clip(lower[env], most))[0] > 1.2 * value  # what does nothing is not as good


def test_equal_weights_are_the_least_sum_of_squares(legs: Body, flying: CpuSimulation) -> None:
    decoder, reader = make_decoder(legs)
    state = reader.read(flying.qpos, flying.qvel, hold(reader, flying, flying.qpos))
    plain = decoder.decode(state, flying.act)
    decoder.reset(torch.ones(NUM_ENVS, dtype=torch.bool))
    one, none = torch.ones(NUM_ENVS, legs.num_muscles).double(), torch.zeros(NUM_ENVS, 1).double()
    decoder.preferences = Preferences(one, 0.0 * one, none, one, none + 2.0, none)
    assert torch.equal(decoder.decode(state, flying.act).activation, plain.activation)
