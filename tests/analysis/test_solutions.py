"""Bounds, samples and measures of solution spaces, against closed forms and independent programs."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.optimize import linprog, minimize
from scipy.stats import beta, kstest

from msemu.analysis.solutions.diagnostics import effective_samples, split_r_hat
from msemu.analysis.solutions.measures import (
    activation_distance,
    co_contraction,
    null_space_share,
    participation_ratio,
    principal_angles,
    spectrum,
    uncontrolled_manifold_index,
)
from msemu.analysis.solutions.programs import Polytope, Programs, least_effort
from msemu.analysis.solutions.ranges import classes, feasible_ranges, summarize
from msemu.analysis.solutions.samples import percentiles, sample_polytope, sample_space
from msemu.analysis.solutions.samples import summarize as summarize_samples
from msemu.analysis.solutions.space import SolutionSpace, space_of_clip
from msemu.analysis.solutions.synergies import find_synergies, matched_similarity, number_of_synergies
from msemu.analysis.solutions.window import Dynamics, window_ranges
from msemu.control.static_optimization import optimize
from msemu.errors import MsemuError
from msemu.models import Body
from msemu.motion.clip import MotionClip


def space_of(matrix: np.ndarray, known: np.ndarray, fps: float = 50.0) -> SolutionSpace:
    """A space of muscles with constant arms, matrix [J, M], and known activations [T, M]."""
    joints, muscles = matrix.shape
    return SolutionSpace(
        name="toy",
        body="toy",
        fps=fps,
        muscle_names=tuple(f"m{index}" for index in range(muscles)),
        dof_names=tuple(f"j{index}" for index in range(joints)),
        matrix=np.repeat(matrix[None], len(known), 0),
        target=known @ matrix.T,
        lower=np.zeros_like(known),
        known=known,
        torque_scale=np.ones(joints),
        frames=np.arange(len(known)),
    )


def random_space(seed: int, joints: int = 6, muscles: int = 18, frames: int = 3) -> SolutionSpace:
    random = np.random.default_rng(seed)
    matrix = random.normal(size=(joints, muscles)) * (random.random((joints, muscles)) < 0.5)
    matrix[np.arange(muscles) % joints, np.arange(muscles)] += 0.5  # each muscle moves a joint
    return space_of(matrix, random.random((frames, muscles)) ** 3)


def test_two_synergists_and_an_antagonist_have_the_ranges_of_the_closed_form() -> None:
    # tau = 2 a + b - c = 0.5: a from 0 (b - c = 0.5) to 0.75 (c = 1), b and c from 0 to 1.
    space = space_of(np.array([[2.0, 1.0, -1.0]]), np.array([[0.2, 0.1, 0.0]]))
    ranges = feasible_ranges(space)
    np.testing.assert_allclose(ranges.least[0, 0], [0, 0, 0], atol=2e-4)
    np.testing.assert_allclose(ranges.greatest[0, 0], [0.75, 1, 1], atol=2e-4)
    np.testing.assert_allclose(ranges.best[0], [0.2, 0.1, 0.0], atol=1e-4)  # in proportion to the arms
    assert classes(ranges, 0)["free"].tolist() == [False, True, True]


def test_a_budget_of_effort_cuts_the_closed_form_of_two_muscles() -> None:
    # tau = a + b = 1: a = 1/2 + d, b = 1/2 - d, effort 1/2 + 2 d^2, least 1/2: d = sqrt((k - 1) / 4).
    space = space_of(np.array([[1.0, 1.0]]), np.array([[0.9, 0.1]]))
    factors = (1.0, 1.01, 1.2, 1.5, np.inf)
    ranges = feasible_ranges(space, factors)
    expected = [min(2 * np.sqrt((factor - 1) / 4), 1.0) for factor in factors]
    np.testing.assert_allclose(ranges.width[:, 0, 0], expected, atol=5e-4)
    np.testing.assert_allclose(ranges.effort, [0.5], atol=1e-4)


def test_a_muscle_that_nothing_replaces_is_necessary() -> None:
    ranges = feasible_ranges(space_of(np.array([[1.0, 0.0], [0.0, 0.0]]), np.array([[0.3, 0.5]])))
    np.testing.assert_allclose([ranges.least[0, 0, 0], ranges.greatest[0, 0, 0]], [0.3, 0.3], atol=2e-4)
    sorts = classes(ranges, 0)
    assert sorts["necessary"].tolist() == [True, False]
    assert ranges.chosen.tolist() == [True, False]  # the other moves nothing: its activation means nothing


@pytest.mark.parametrize("tolerance", [0.0, 0.05])
def test_the_ranges_are_those_of_an_independent_linear_program(tolerance: float) -> None:
    space = random_space(seed=1)
    ranges = feasible_ranges(space, tolerance=tolerance)
    for t in range(len(space)):
        rows = np.vstack((space.matrix[t], -space.matrix[t]))
        limits = np.concatenate((space.target[t] + tolerance, tolerance - space.target[t]))
        for muscle in range(18):
            cost = np.eye(18)[muscle]
            low = linprog(cost, A_ub=rows, b_ub=limits, bounds=(0, 1)).fun
            high = -linprog(-cost, A_ub=rows, b_ub=limits, bounds=(0, 1)).fun
            np.testing.assert_allclose(ranges.least[0, t, muscle], low, atol=3e-4)
            np.testing.assert_allclose(ranges.greatest[0, t, muscle], high, atol=3e-4)


def test_ranges_within_a_budget_are_those_of_an_independent_program() -> None:
    space, factor = random_space(seed=2, joints=3, muscles=7, frames=1), 1.3
    ranges = feasible_ranges(space, [factor])
    equal = {"type": "eq", "fun": lambda a: space.matrix[0] @ a - space.target[0]}
    bounds, start = [(0.0, 1.0)] * 7, space.known[0]
    least = minimize(lambda a: a @ a, start, bounds=bounds, constraints=[equal], options={"ftol": 1e-12})
    np.testing.assert_allclose(ranges.effort[0], least.fun, rtol=1e-4)
    within = {"type": "ineq", "fun": lambda a: factor * least.fun - a @ a}
    for muscle in range(7):
        most = minimize(
            lambda a, muscle=muscle: -a[muscle],
            least.x,
            bounds=bounds,
            constraints=[equal, within],
            options={"ftol": 1e-10},
        )
        np.testing.assert_allclose(ranges.greatest[0, 0, muscle], -most.fun, atol=2e-3)


def test_a_budget_of_the_sum_is_that_of_a_linear_program() -> None:
    space = random_space(seed=3, frames=1)
    ranges = feasible_ranges(space, [1.2], power=1)
    most = 1.2 * ranges.best[0].sum()
    for muscle in range(0, 18, 5):
        program = linprog(
            -np.eye(18)[muscle],
            A_eq=space.matrix[0],
            b_eq=space.target[0],
            A_ub=np.ones((1, 18)),
            b_ub=[most],
            bounds=(0, 1),
        )
        np.testing.assert_allclose(ranges.greatest[0, 0, muscle], -program.fun, atol=5e-4)


def test_a_program_without_a_solution_is_not_called_solved() -> None:
    space = random_space(seed=4)
    polytope = replace(space.polytope(0), target=space.polytope(0).target + 50.0)
    assert not least_effort(polytope, torch.from_numpy(space.known[0])).solved.any()
    one = torch.eye(18, dtype=torch.float64)
    assert not Programs(polytope, one).solve(torch.from_numpy(space.known[0])).solved.any()


def test_unsolved_frames_are_listed_and_not_averaged_in() -> None:
    space = random_space(seed=5)
    bad = replace(space, target=space.target + np.array([[0.0], [50.0], [0.0]]))
    figures = summarize(feasible_ranges(bad), bad)["budgets"]["none"]
    assert figures["unsolved_frames"] == [1]
    alone = space.part(np.array([0, 2]))
    assert figures["mean_width"] == pytest.approx(summarize(feasible_ranges(alone), alone)["mean_width"]["none"])


def test_samples_of_a_simplex_are_uniform() -> None:
    # On a_1 + ... + a_n = 1 each a_i has the distribution beta(1, n - 1).
    count = 6
    drawn = sample_polytope(
        space_of(np.ones((1, count)), np.full((1, count), 1 / count)).polytope(0),
        np.full(count, 1 / count),
        chains=16,
        samples=400,
        seed=1,
    )
    assert drawn.converged
    assert drawn.dimension == count - 1
    np.testing.assert_allclose(drawn.chains.sum(2), 1.0, atol=1e-9)
    thinned = drawn.chains[:, ::8].reshape(-1, count)
    assert min(kstest(thinned[:, muscle], beta(1, count - 1).cdf).pvalue for muscle in range(count)) > 1e-3


def test_samples_of_a_flat_box_fill_it_evenly() -> None:
    # Two joints that one muscle alone moves, and a thin pair: a - b = 0 leaves a uniform on [0, 1].
    space = space_of(np.array([[1.0, -1.0, 0.0], [0.0, 0.0, 1.0]]), np.array([[0.5, 0.5, 0.25]]))
    drawn = sample_polytope(space.polytope(0), space.known[0], 8, 400, seed=2)
    assert drawn.dimension == 1
    np.testing.assert_allclose(drawn.chains[:, :, 2], 0.25, atol=1e-3)
    assert kstest(drawn.chains[:, ::4, 0].ravel(), "uniform").pvalue > 1e-3


def test_samples_agree_with_rejection_in_a_small_polytope() -> None:
    # 2 a + b - c = 0.5 by b = 0.5 - 2 a + c: uniform (a, c) in the unit square that leave b within [0, 1].
    random = np.random.default_rng(0)
    a, c = random.random((2, 200_000))
    kept = (0.5 - 2 * a + c >= 0) & (0.5 - 2 * a + c <= 1)
    space = space_of(np.array([[2.0, 1.0, -1.0]]), np.array([[0.2, 0.1, 0.0]]))
    points = sample_polytope(space.polytope(0), space.known[0], 16, 500, seed=3).chains.reshape(-1, 3)
    np.testing.assert_allclose(points[:, [0, 2]].mean(0), [a[kept].mean(), c[kept].mean()], atol=0.02)
    np.testing.assert_allclose(
        np.corrcoef(points[:, 0], points[:, 2])[0, 1], np.corrcoef(a[kept], c[kept])[0, 1], atol=0.04
    )


def test_chains_that_are_too_short_are_left_out_and_listed() -> None:
    space = random_space(seed=6, frames=2)
    figures = summarize_samples(sample_space(space, chains=2, samples=10), space)
    assert figures["unconverged_frames"] == [0, 1]
    assert "distance_median" not in figures
    sampled = sample_space(space, chains=16, samples=100)
    figures = summarize_samples(sampled, space)
    assert figures["unconverged_frames"] == []
    assert sampled.known_effort_percentile.max() <= 1.0
    partly = np.where(np.arange(space.known.shape[1]) < 3, space.known, np.nan)
    again = sample_space(space, chains=16, samples=100, others=np.stack([space.known, partly]))
    np.testing.assert_array_equal(sampled.quantiles, again.quantiles)
    np.testing.assert_array_equal(again.others_percentile[:, 0], sampled.known_percentile)
    np.testing.assert_array_equal(again.others_percentile[:, 1, :3], sampled.known_percentile[:, :3])
    placed = percentiles(again, space, ["known", "partly"])
    assert len(placed["partly"]) == 3 and np.isnan(again.others_percentile[:, 1, 3:]).all()


def test_r_hat_and_effective_samples_of_chains_of_known_correlation() -> None:
    random = np.random.default_rng(0)
    factor, chains = 0.8, np.zeros((8, 4000))
    for step in range(1, 4000):
        chains[:, step] = factor * chains[:, step - 1] + random.normal(size=8)
    expected = chains.size * (1 - factor) / (1 + factor)
    assert effective_samples(chains) == pytest.approx(expected, rel=0.15)
    assert split_r_hat(chains) == pytest.approx(1.0, abs=0.01)
    assert split_r_hat(chains + np.arange(8)[:, None] * 3.0) > 1.5


def test_a_window_holds_activations_to_their_dynamics() -> None:
    # tau = a - b is 0, 0.5, 0: a has to rise by 0.5 more than b in a frame, and to fall again.
    known = np.array([[0.0, 0.0], [0.5, 0.0], [0.0, 0.0]])
    space = space_of(np.array([[1.0, -1.0]]), known, fps=100.0)
    quick = Dynamics(np.full(2, 1e-4), np.full(2, 1e-4))
    low, high = window_ranges(space, np.arange(3), np.arange(2), quick, 0.0)
    np.testing.assert_allclose([low, high], [[0.5, 0.0], [1.0, 0.5]], atol=1e-6)
    frozen = Dynamics(np.full(2, 10.0), np.full(2, 10.0))
    assert np.isnan(window_ranges(space, np.arange(3), np.arange(2), frozen, 0.0)[0]).all()


def test_what_cannot_fall_in_time_stays() -> None:
    # The torque a is 0.8 and nothing after: with a time constant of one frame a fall to 0.8/e is the fastest.
    space = space_of(np.array([[1.0, -1.0]]), np.array([[0.8, 0.0], [0.0, 0.0], [0.0, 0.0]]), fps=100.0)
    low, high = window_ranges(space, np.arange(3), np.arange(2), Dynamics(np.full(2, 1e-4), np.full(2, 0.01)), 0.0)
    np.testing.assert_allclose(low, 0.8 / np.e, atol=1e-6)
    np.testing.assert_allclose(high, 1.0, atol=1e-6)


def test_measures_of_differences_that_are_known() -> None:
    matrix = np.array([[1.0, 1.0, 0.0]])
    hidden, shown = np.array([0.3, -0.3, 0.4]), np.array([0.2, 0.2, 0.0])
    assert null_space_share(hidden, matrix) == pytest.approx(1.0)
    assert null_space_share(shown, matrix) == pytest.approx(0.0, abs=1e-12)
    assert null_space_share(hidden + shown, matrix) == pytest.approx(0.34 / 0.42)
    assert activation_distance(hidden, 0 * hidden) == pytest.approx(np.sqrt(0.34 / 3))
    assert activation_distance(hidden, 0 * hidden, np.array([1.0, 1.0, 0.0])) == pytest.approx(0.3)
    assert co_contraction(np.array([3.0, -1.0, 0.5])) == pytest.approx(1.0)
    # Variance along one hidden direction of two, none shown: (V / 2 - 0) / (V / 3).
    repeats = np.outer(np.random.default_rng(0).normal(size=30), hidden)
    assert uncontrolled_manifold_index(repeats, matrix) == pytest.approx(1.5)
    assert uncontrolled_manifold_index(np.outer(np.arange(9.0), shown), matrix) == pytest.approx(-3.0)
    assert np.isnan(uncontrolled_manifold_index(np.ones((5, 3)), matrix))


def test_spaces_of_series() -> None:
    random = np.random.default_rng(0)
    one = random.normal(size=(400, 2)) @ np.array([[1.0, 0, 0, 0], [0, 1.0, 0, 0]])
    other = random.normal(size=(400, 2)) @ np.array([[1.0, 0, 0, 0], [0, np.cos(0.4), np.sin(0.4), 0]])
    np.testing.assert_allclose(principal_angles(one, other, 2), [0.0, 0.4], atol=1e-6)
    assert participation_ratio(spectrum(one)) == pytest.approx(2.0, abs=0.05)
    assert spectrum(one)[:2].sum() == pytest.approx(one.var(0, ddof=1).sum())


def test_synergies_that_made_the_activations_are_found() -> None:
    random = np.random.default_rng(0)
    weights = random.random((3, 10)) * (random.random((3, 10)) < 0.5)
    weights[[0, 1, 2], [0, 1, 2]] = 1.0
    courses = random.random((60, 3)) * (random.random((60, 3)) < 0.6)
    found = find_synergies(courses @ weights, 3)
    assert found.vaf > 0.999
    assert matched_similarity(weights, found.weights).min() > 0.98
    assert number_of_synergies(courses @ weights, vaf=0.999, restarts=5) == 3


def test_the_space_of_a_clip_holds_its_static_optimization(legs: Body, march: MotionClip) -> None:
    from msemu.control.inverse_dynamics import differentiate

    space = space_of_clip(legs, march, "mujoco", 0.02)
    result = optimize(legs, differentiate(legs, march, 0.02))
    torque = result.muscle_torque - np.einsum("tmd,tm->td", -result.moment_arm, result.passive_force)
    active = torque[space.frames][:, 6:] / space.torque_scale
    np.testing.assert_allclose(space.target, active, atol=2e-3)
    ranges = feasible_ranges(space.part(np.array([0])), [1.2])
    known = space.known[0]
    assert (ranges.least[0, 0] <= known + 1e-3).all()
    assert (ranges.greatest[0, 0] >= known - 1e-3).all()
    np.testing.assert_allclose(ranges.best[0], known, atol=0.01)


def test_a_muscle_that_the_body_lacks_is_named() -> None:
    with pytest.raises(MsemuError, match="'m9'"):
        random_space(seed=0, muscles=5).muscles(("m9",))


def test_rows_that_say_the_same_twice_are_no_harm() -> None:
    matrix = np.array([[1.0, 1.0, -1.0], [2.0, 2.0, -2.0], [0.0, 0.0, 0.0]])
    polytope = Polytope.of(matrix, matrix @ np.array([0.5, 0.2, 0.1]), np.zeros(3), np.ones(3))
    assert len(polytope.matrix) == 1
    assert least_effort(polytope, torch.zeros(3, dtype=torch.float64)).solved.all()
