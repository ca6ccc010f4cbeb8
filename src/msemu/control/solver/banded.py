"""One large least-squares problem in unknowns that are not negative, whose matrix couples neighbors only.

    minimize  1/2 x^T H x - g^T x   subject to  x >= 0

with a positive definite H of small bandwidth, by the primal-dual interior-point method of Mehrotra (1992, doi
10.1137/0802028), as in `msemu.control.solver.dense`.
"""

import numpy as np
import scipy.sparse
from scipy.linalg import cho_solve_banded, cholesky_banded

_TO_BOUNDARY = 0.99
_ITERATIONS = 60
_COMPLEMENTARITY = 1e-10
_RESIDUAL = 1e-8


def solve_not_negative(lower_half: scipy.sparse.coo_array, target: np.ndarray) -> np.ndarray:
    """Return x, shape [N], of the lower half of H with its diagonal, [N, N], and g, shape [N]."""
    half = lower_half.tocsr()
    product = half + scipy.sparse.tril(half, -1).T
    band = _banded(half.tocoo())
    x, slack = np.full(len(target), 0.1), np.full(len(target), 0.1)
    for _ in range(_ITERATIONS):
        residual = product @ x - target - slack
        gap = x @ slack / max(len(x), 1)
        if gap < _COMPLEMENTARITY and np.abs(residual).max(initial=0.0) < _RESIDUAL:
            break
        factor = band.copy()
        factor[0] += slack / x
        lower = cholesky_banded(factor, lower=True, check_finite=False), True
        step = cho_solve_banded(lower, -residual - slack)
        slack_step = -slack - slack / x * step
        ahead = (x + _length(x, step) * step) @ (slack + _length(slack, slack_step) * slack_step) / len(x)
        wanted = ((ahead / gap) ** 3 * gap - step * slack_step) / x - slack
        step = cho_solve_banded(lower, -residual + wanted)
        slack_step = wanted - slack / x * step
        x = x + _TO_BOUNDARY * _length(x, step) * step
        slack = slack + _TO_BOUNDARY * _length(slack, slack_step) * slack_step
    return x


def _banded(lower_half: scipy.sparse.coo_array) -> np.ndarray:
    """Return the diagonals of a lower half one under the other, as LAPACK takes them, shape [U + 1, N]."""
    below = lower_half.row - lower_half.col
    band = np.zeros((int(below.max(initial=0)) + 1, lower_half.shape[1]))
    band[below, lower_half.col] = lower_half.data
    return band


def _length(values: np.ndarray, step: np.ndarray) -> float:
    """Return how much of a step, at most all of it, leaves the values not negative."""
    shrinks = step < 0.0
    return min(1.0, float((-values[shrinks] / step[shrinks]).min(initial=np.inf)))
