"""Feasible ranges over a window of frames, in which activations change no faster than activation dynamics let them."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import block_diag, csr_array, diags_array, eye_array, hstack, vstack

from msemu.analysis.solutions.space import SolutionSpace


@dataclass(frozen=True)
class Dynamics:
    """How fast an activation rises to 1 at most, and falls to 0 [s], shape [M] each: exponentially."""

    activation_s: np.ndarray
    deactivation_s: np.ndarray

    def steps(self, time_s: float, count: int) -> tuple[csr_array, np.ndarray]:
        """Return rows G and limits h of ``G a <= h`` for ``count`` frames of M muscles, one after another in a.

        ``a_{t+1} >= a_t e^(-time / deactivation)`` and ``1 - a_{t+1} >= (1 - a_t) e^(-time / activation)``.
        """
        muscles, gaps = len(self.activation_s), count - 1
        fall, rise = np.exp(-time_s / self.deactivation_s), np.exp(-time_s / self.activation_s)
        none = csr_array((muscles * gaps, muscles))
        later = hstack((none, eye_array(muscles * gaps)))

        def earlier(factor: np.ndarray) -> csr_array:
            return hstack((diags_array(np.tile(factor, gaps)), none))

        rows = vstack((earlier(fall) - later, later - earlier(rise)), format="csr")
        return rows, np.concatenate((np.zeros(muscles * gaps), np.tile(1.0 - rise, gaps)))


def window_ranges(
    space: SolutionSpace, frames: np.ndarray, asked: np.ndarray, dynamics: Dynamics, tolerance: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the bounds [K] each of the asked muscles in the middle of a window of frames, by linear programs (HiGHS).

    They are not numbers where no activations follow the torques through the window. Muscles are numbered among the
    `SolutionSpace.moving` ones, and ``dynamics`` are theirs.
    """
    matrix, moving = space.matrix[frames][:, :, space.moving], int(space.moving.sum())
    rows, limits = dynamics.steps(1.0 / space.fps, len(frames))
    torques, target = block_diag(list(matrix), format="csr"), space.target[frames].ravel()
    bounds = np.stack((space.lower[frames][:, space.moving].ravel(), np.ones(moving * len(frames))), 1)
    program = {"A_ub": rows, "b_ub": limits, "bounds": bounds, "method": "highs"}
    if tolerance > 0.0:
        program["A_ub"] = vstack((rows, torques, -torques), format="csr")
        program["b_ub"] = np.concatenate((limits, target + tolerance, tolerance - target))
    else:
        program |= {"A_eq": torques, "b_eq": target}
    found = np.full((2, len(asked)), np.nan)
    for sign, values in zip((1.0, -1.0), found, strict=True):
        for index, muscle in enumerate(asked):
            cost = np.zeros(moving * len(frames))
            cost[len(frames) // 2 * moving + muscle] = sign
            outcome = linprog(cost, **program)
            if outcome.status == 2:  # infeasible, whatever the cost
                return found[0], found[1]
            if outcome.status == 0:
                values[index] = sign * outcome.fun
    return found[0], found[1]
