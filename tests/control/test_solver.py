"""The batched bounded least squares against SciPy, on the moment arms of a body."""

import numpy as np
import pytest
import torch
from scipy.optimize import lsq_linear, minimize

from msemu.control.dynamics import DynamicsReader
from msemu.control.solver.dense import BoundedLeastSquares, solve
from msemu.control.torque_balance import TorqueBalance
from msemu.models import Body
from msemu.models.poses import random_poses
from msemu.muscle.parameters import MuscleParameters
from msemu.schema import ContactCfg

NUM_PROBLEMS = 12


pytestmark = pytest.mark.usefixtures("one_thread")


def make_problem(body: Body, effort: float) -> BoundedLeastSquares:
    """Torques that random activations and contact forces give, plus an error that no activation can give."""
    reader = DynamicsReader(body, NUM_PROBLEMS, ["foot_r", "foot_l"])
    generator = torch.Generator().manual_seed(1)
    qpos = torch.from_numpy(random_poses(body.model, NUM_PROBLEMS, seed=2))
    qvel = torch.zeros(NUM_PROBLEMS, body.model.nv, dtype=torch.float64)
    state = reader.read(qpos, qvel, torch.zeros(NUM_PROBLEMS, len(reader.dofs), dtype=torch.float64))
    parameters = MuscleParameters.of(body.model)
    balance = TorqueBalance(body, reader.dofs, ContactCfg())
    active = torch.from_numpy(parameters.max_isometric_force).expand(NUM_PROBLEMS, -1)
    zeros = torch.zeros_like(active)
    problem = balance.problem(
        state,
        active,
        zeros,
        torch.ones(NUM_PROBLEMS, len(reader.points), dtype=torch.bool),
        {"quadratic": zeros + 2 * effort},
        zeros,
        zeros + 1.0,
    )
    known = torch.rand(problem.lower.shape, generator=generator, dtype=torch.float64) ** 3
    error = torch.randn(problem.target.shape, generator=generator, dtype=torch.float64)
    problem.target = (problem.matrix @ known.unsqueeze(-1)).squeeze(-1) + 0.3 * error
    return problem


@pytest.mark.parametrize("effort", [1e-2, 1e-4, 1e-6])
def test_the_objective_is_that_of_lsq_linear(legs: Body, effort: float) -> None:
    problem = make_problem(legs, effort)
    solution = solve(problem, iterations=30)
    objective = problem.objective(solution.x)
    for index in range(0, NUM_PROBLEMS, 3):
        weights = np.sqrt(problem.quadratic[index].numpy())
        matrix = np.vstack([problem.matrix[index].numpy(), np.diag(weights)])
        target = np.concatenate([problem.target[index].numpy(), np.zeros(len(weights))])
        bounds = (problem.lower[index].numpy(), problem.upper[index].numpy())
        reference = lsq_linear(matrix, target, bounds, method="bvls", tol=1e-14, max_iter=5000)
        assert reference.status > 0
        assert float(objective[index]) <= reference.cost * (1 + 1e-6)
        assert float(objective[index]) >= reference.cost * (1 - 1e-6)
    assert solution.converged.all()
    assert ((solution.x >= problem.lower) & (solution.x <= problem.upper)).all()
    torch.testing.assert_close(
        solution.residual, (problem.matrix @ solution.x.unsqueeze(-1)).squeeze(-1) - problem.target
    )


def test_cubes_and_linear_costs_are_minimized_too(legs: Body) -> None:
    problem = make_problem(legs, 1e-3)
    problem.cubic = torch.full_like(problem.lower, 3e-2)
    problem.linear = torch.linspace(0, 0.01, problem.lower.shape[1], dtype=torch.float64).expand_as(problem.lower)
    solution = solve(problem, iterations=30)
    assert solution.converged.all()

    def value_and_slope(x: np.ndarray) -> tuple[float, np.ndarray]:
        points = torch.from_numpy(x).expand_as(problem.lower).clone().requires_grad_()
        values = problem.objective(points)
        (slope,) = torch.autograd.grad(values[0], points)
        return float(values[0].detach()), slope[0].numpy()

    bounds = list(zip(problem.lower[0].tolist(), problem.upper[0].tolist(), strict=True))
    found = minimize(
        value_and_slope,
        np.full(len(bounds), 0.1),
        jac=True,
        bounds=bounds,
        method="L-BFGS-B",
        options={"maxiter": 5000, "maxfun": 20000, "ftol": 1e-15, "gtol": 1e-9},
    )
    assert float(problem.objective(solution.x)[0]) == pytest.approx(found.fun, rel=1e-5)


def test_the_gap_bounds_the_distance_from_the_optimum_of_any_point(legs: Body) -> None:
    problem = make_problem(legs, 1e-4)
    best = problem.objective(solve(problem, iterations=30).x)
    generator = torch.Generator().manual_seed(3)
    for _ in range(5):
        x = torch.rand(problem.lower.shape, generator=generator, dtype=torch.float64) * problem.upper
        objective = problem.objective(x)
        assert (objective - best <= problem.relative_gap(x) * objective * (1 + 1e-9)).all()


def test_an_unconverged_solve_says_so(legs: Body) -> None:
    problem = make_problem(legs, 1e-4)
    solution = solve(problem, iterations=3)
    assert not solution.converged.any()
    assert (solution.relative_gap > 1e-3).all()
    assert ((solution.x >= problem.lower) & (solution.x <= problem.upper)).all()


def test_a_warm_start_saves_iterations(legs: Body) -> None:
    problem = make_problem(legs, 1e-3)
    before = solve(problem, iterations=30).x
    problem.target = problem.target * 1.01
    warm = solve(problem, iterations=7, start=before)
    cold = solve(problem, iterations=7)
    assert warm.relative_gap.median() < 0.1 * cold.relative_gap.median()


def test_one_bad_problem_leaves_the_others_alone(legs: Body) -> None:
    problem = make_problem(legs, 1e-4)
    expected = solve(problem, iterations=20).x
    problem.matrix = problem.matrix.clone()
    problem.matrix[3, 0, 0] = torch.nan
    solution = solve(problem, iterations=20)
    others = torch.arange(NUM_PROBLEMS) != 3
    torch.testing.assert_close(solution.x[others], expected[others])
    assert not solution.converged[3]
    assert solution.converged[others].all()
