"""A linear feedback: what follows of what, and what is best then."""

import numpy as np
import pytest
from scipy.linalg import solve_discrete_are

from msemu.tracking.feedback.regression import LinearModel, Samples, fit
from msemu.tracking.feedback.riccati import regulator
from msemu.tracking.feedback.settings import FeedbackCfg

RANDOM = np.random.default_rng(3)
STATES, ACTIONS = 4, 2


def model(random: np.random.Generator) -> LinearModel:
    return LinearModel(random.normal(size=(STATES, STATES)), random.normal(size=(STATES, ACTIONS)), np.ones(STATES))


def test_the_regulator_of_many_equal_windows_is_that_of_the_algebraic_equation() -> None:
    plant, weight, effort = model(RANDOM), RANDOM.uniform(0.1, 2.0, STATES), RANDOM.uniform(0.1, 2.0, ACTIONS)
    value = solve_discrete_are(plant.state, plant.input, np.diag(weight), np.diag(effort))
    reach = plant.input.T @ value
    expected = -np.linalg.solve(np.diag(effort) + reach @ plant.input, reach @ plant.state)
    np.testing.assert_allclose(regulator([plant] * 200, weight, effort)[0], expected, rtol=1e-8)


def test_its_actions_are_the_least_squares_of_all_windows_together() -> None:
    plants, weight, effort = [model(RANDOM) for _ in range(3)], np.array([1.0, 2.0, 0.5, 0.1]), np.array([0.3, 1.0])
    start = RANDOM.normal(size=STATES)
    # States after each window as affine functions of all actions, without any recursion over values.
    constant, slope, rows, targets = start, np.zeros((STATES, 3 * ACTIONS)), [], []
    for index, plant in enumerate(plants):
        slope = plant.state @ slope
        slope[:, ACTIONS * index : ACTIONS * (index + 1)] += plant.input
        constant = plant.state @ constant
        rows.append(np.sqrt(weight)[:, None] * slope)
        targets.append(-np.sqrt(weight) * constant)
    rows.append(np.diag(np.sqrt(np.tile(effort, 3))))
    targets.append(np.zeros(3 * ACTIONS))
    expected = np.linalg.lstsq(np.concatenate(rows), np.concatenate(targets), rcond=None)[0].reshape(3, ACTIONS)
    state = start
    for plant, gain, action in zip(plants, regulator(plants, weight, effort), expected, strict=True):
        np.testing.assert_allclose(gain @ state, action, rtol=1e-7, atol=1e-9)
        state = plant.state @ state + plant.input @ action


def test_slopes_of_a_linear_plant_are_found_and_what_is_far_off_is_left_out() -> None:
    cfg, joints = FeedbackCfg(ridge=1e-9), 2
    scale, tried = cfg.scale.along(joints), cfg.explored.along(joints)
    state, action = RANDOM.normal(size=(16, 16)), RANDOM.normal(size=(16, 8))
    before, tries = RANDOM.normal(size=(400, 16)), RANDOM.normal(size=(400, 8))
    after = 0.3 * (before @ state.T + tries @ action.T) + 0.2
    after[::50] = 1e3  # bodies that have fallen
    found = fit(Samples(before * scale, tries * tried, after * scale), cfg)
    np.testing.assert_allclose(found.state, 0.3 * state, atol=1e-6)
    np.testing.assert_allclose(found.input, 0.3 * action, atol=1e-6)
    assert found.explained == pytest.approx(1.0)
    noisy = fit(Samples(before * scale, tries * tried, RANDOM.normal(size=after.shape) * scale), cfg)
    assert noisy.explained.max() < 0.25  # 25 of 400 unknowns explain 6 % of noise
