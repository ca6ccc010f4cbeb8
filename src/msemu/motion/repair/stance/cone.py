"""How far wrenches are from what contacts can give, as a smooth function.

The squared distance of a wrench from a cone has a jump in its second derivative at the cone's surface, which stops
Gauss-Newton steps. A logarithmic barrier on the forces along the edges makes it smooth and keeps them inside.
"""

from dataclasses import dataclass

import numpy as np

_MOST_STEPS = 60
_SOLVED = 1e-8
_LEAST_STEP = 1e-12


@dataclass(frozen=True)
class ConeDistance:
    """``min over s > 0 of |w - P s|^2 / e^2 - 2 mu sum(log s)`` for K wrenches and cones of E edges each.

    Attributes:
        value: The minimum, shape [K].
        slope: Half its derivative by the wrench, shape [K, 6].
        curvature: Half its second derivative, shape [K, 6, 6].
        shares: The forces s along the edges, zero where there is no edge, shape [K, E].
        missing: The wrench that is left, ``w - P s``, shape [K, 6].
    """

    value: np.ndarray
    slope: np.ndarray
    curvature: np.ndarray
    shares: np.ndarray
    missing: np.ndarray


def cone_distance(
    wrench: np.ndarray, edges: np.ndarray, exists: np.ndarray, error: float, barrier: float
) -> ConeDistance:
    """Find the forces along the edges by Newton's method in the dual, the 6 numbers ``(w - P s) / e^2``.

    Args:
        wrench: The wrenches w, shape [K, 6], force first.
        edges: The edges P, whose vertical force is positive, shape [K, E, 6].
        exists: Which edges there are, shape [K, E].
        error: Distance e that counts as one.
        barrier: Weight mu of the barrier.
    """
    edges = np.where(exists[..., None], edges, 0.0)
    dual = np.where(exists.any(axis=1, keepdims=True), -np.eye(6)[2], wrench / error**2)
    for _ in range(_MOST_STEPS):
        slack = _slack(dual, edges, exists)
        gradient = error**2 * dual + barrier * np.einsum("ke,kei->ki", 1.0 / slack, edges) - wrench
        step = -np.linalg.solve(_hessian(slack, edges, error, barrier), gradient[..., None])[..., 0]
        decrease = -(gradient * step).sum(axis=1)
        if decrease.max(initial=0.0) < _SOLVED:
            break
        dual = dual + _length(dual, step, decrease, (wrench, edges, exists, error, barrier))[:, None] * step
    slack = _slack(dual, edges, exists)
    shares, missing = barrier / slack, error**2 * dual
    logs = np.log(shares, where=exists, out=np.zeros_like(shares)).sum(axis=1)
    value = (missing**2).sum(axis=1) / error**2 - 2.0 * barrier * logs
    return ConeDistance(value, dual, np.linalg.inv(_hessian(slack, edges, error, barrier)), shares, missing)


def _slack(dual: np.ndarray, edges: np.ndarray, exists: np.ndarray) -> np.ndarray:
    """Return by how much the dual keeps away from each edge, shape [K, E]; infinite where there is none."""
    return np.where(exists, -np.einsum("kei,ki->ke", edges, dual), np.inf)


def _hessian(slack: np.ndarray, edges: np.ndarray, error: float, barrier: float) -> np.ndarray:
    return error**2 * np.eye(6) + barrier * np.einsum("ke,kei,kej->kij", slack**-2.0, edges, edges)


def _objective(
    dual: np.ndarray, wrench: np.ndarray, edges: np.ndarray, exists: np.ndarray, error: float, barrier: float
) -> np.ndarray:
    """Return what the dual minimizes, shape [K]; infinite outside its domain."""
    slack = _slack(dual, edges, exists)
    logs = np.log(slack, where=exists & (slack > 0.0), out=np.zeros_like(slack)).sum(axis=1)
    inside = 0.5 * error**2 * (dual**2).sum(axis=1) - barrier * logs - (wrench * dual).sum(axis=1)
    return np.where((slack > 0.0).all(axis=1), inside, np.inf)


def _length(
    dual: np.ndarray,
    step: np.ndarray,
    decrease: np.ndarray,
    problem: tuple[np.ndarray, np.ndarray, np.ndarray, float, float],
) -> np.ndarray:
    """Return how much of each step lowers the objective, shape [K]."""
    length, before = np.ones(len(dual)), _objective(dual, *problem)
    while length.max(initial=0.0) > _LEAST_STEP:
        after = _objective(dual + length[:, None] * step, *problem)
        high = after > before - 0.1 * length * decrease + 1e-10 * np.abs(before)
        if not high.any():
            break
        length = np.where(high, 0.5 * length, length)
    return length
