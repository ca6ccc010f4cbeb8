"""Uniform samples of the activations that give the same joint torques, by hit-and-run with reflections.

A path goes straight from a point in a random direction, is reflected by each bound that it hits, and ends after a
random length: the billiard walk (Gryazina and Polyak 2014, doi 10.1016/j.ejor.2014.03.041). As in hit-and-run (Smith
1984, doi 10.1287/opre.32.6.1296) the ends become uniform whatever the shape of the polytope, but in some 70 dimensions
one path does what takes ten thousand straight steps. Directions and reflections are those of a space in which the
polytope is about round: by Dikin's ellipsoid at the analytic center first, then by the covariance of the warm-up's
samples, which are thrown away.
"""

from dataclasses import dataclass

import numpy as np

from msemu.analysis.solutions.diagnostics import effective_samples, split_r_hat
from msemu.analysis.solutions.programs import Polytope

MOST_R_HAT = 1.05
"""Greatest split R-hat of any muscle with which a frame's chains count."""
LEAST_SAMPLES = 100
"""Least effective sample size of any muscle with which they count."""
_WARM_UPS, _NEWTON_STEPS = 3, 100
_PATH = 3.0
"""Mean length of a path over the root of the dimension, in standard deviations."""
_MOST_REFLECTIONS = 50
"""Reflections of a path over the number of unknowns after which it is given up."""
_FLAT = 1e-3
"""Range below which an unknown counts as determined: it has no room to move in."""


@dataclass(frozen=True)
class Samples:
    """Samples of one frame.

    Attributes:
        chains: C chains of S samples of M muscles [-], shape [C, S, M].
        dimension: Of the space.
        r_hat: Greatest split R-hat of any muscle.
        effective: Least effective sample size of any muscle.
    """

    chains: np.ndarray
    dimension: int
    r_hat: float
    effective: float

    @property
    def converged(self) -> bool:
        """Whether the chains agree and are long enough."""
        return self.r_hat <= MOST_R_HAT and self.effective >= LEAST_SAMPLES


def sample(
    polytope: Polytope,
    inside: np.ndarray,
    width: np.ndarray,
    chains: int = 16,
    samples: int = 100,
    seed: int | list[int] = 0,
) -> Samples:
    """Draw samples from a polytope without tolerance.

    Args:
        polytope: Where.
        inside: A point within, such as the mean of points that touch all bounds, shape [M].
        width: Greatest less least value that each unknown can have, shape [M]; those without are held.
        chains: Number of chains C.
        samples: Samples kept of each chain, S.
        seed: Seed of all that is random.
    """
    random = np.random.default_rng(seed)
    lower, upper = polytope.lower.numpy(), polytope.upper.numpy()
    basis = _directions(polytope.matrix.numpy(), width > _FLAT)
    dimension = basis.shape[1]
    if not dimension:
        return Samples(np.broadcast_to(inside, (chains, samples, len(inside))), 0, 1.0, float(chains * samples))
    center, shape = _analytic_center(basis, inside, lower, upper)
    at = np.repeat(center[None], chains, 0)
    for _ in range(_WARM_UPS):
        drawn = _walk(at, shape, lower, upper, max(50, samples // 2), random)
        at = drawn[:, -1]
        shape = _covariance_root(basis, drawn.reshape(-1, len(inside)))
    kept = _walk(at, shape, lower, upper, samples, random)
    varying = np.abs(basis).max(1) > 1e-9
    r_hat, effective = split_r_hat(kept[:, :, varying]), effective_samples(kept[:, :, varying])
    return Samples(kept, dimension, float(r_hat.max()), float(effective.min()))


def _directions(matrix: np.ndarray, has_room: np.ndarray) -> np.ndarray:
    """Return an orthonormal basis of the directions that keep the torques and move only muscles with room, [M, d]."""
    count = int(has_room.sum())
    _, size, rows = np.linalg.svd(matrix[:, has_room], full_matrices=True)
    rank = int((size > 1e-9 * size.max(initial=0.0)).sum()) if len(size) else 0
    basis = np.zeros((len(has_room), count - rank))
    basis[has_room] = rows[rank:].T
    return basis


def _analytic_center(
    basis: np.ndarray, start: np.ndarray, lower: np.ndarray, upper: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the point of greatest product of all rooms, and Dikin's ellipsoid there, an image of the ball, [M, d]."""
    moving = np.abs(basis).max(1) > 0.0
    part, low, high, x = basis[moving], lower[moving], upper[moving], start[moving]
    for _ in range(_NEWTON_STEPS):
        slope = part.T @ (1.0 / (x - low) - 1.0 / (high - x))
        hessian = part.T @ ((1.0 / (x - low) ** 2 + 1.0 / (high - x) ** 2)[:, None] * part)
        step = np.linalg.solve(hessian, slope)
        change = part @ step
        decrement = np.sqrt(max(step @ slope, 0.0))
        x = x + change / (1.0 + decrement)  # within the bounds for self-concordant barriers
        if decrement < 1e-6:
            break
    center = start.copy()
    center[moving] = x
    hessian = part.T @ ((1.0 / (x - low) ** 2 + 1.0 / (high - x) ** 2)[:, None] * part)
    return center, basis @ np.linalg.inv(np.linalg.cholesky(hessian)).T


def _covariance_root(basis: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Return an image of the ball with the covariance of points in the basis, shape [M, d]."""
    covariance = np.atleast_2d(np.cov(points @ basis, rowvar=False))
    value, vector = np.linalg.eigh(covariance)
    return basis @ (vector * np.sqrt(np.maximum(value, 1e-10 * value.max())))


def _walk(
    at: np.ndarray, shape: np.ndarray, lower: np.ndarray, upper: np.ndarray, samples: int, random: np.random.Generator
) -> np.ndarray:
    """Walk C chains from ``at`` [C, M], and keep the end of each path, shape [C, samples, M]."""
    kept = np.empty((len(at), samples, at.shape[1]))
    mean_length = _PATH * np.sqrt(shape.shape[1])
    mirror = shape @ shape.T / np.maximum(np.square(shape).sum(1), 1e-300)  # column i: what a touch of bound i does
    for index in range(samples):
        speed = random.standard_normal((len(at), shape.shape[1]))
        speed = speed / np.linalg.norm(speed, axis=1, keepdims=True) @ shape.T
        length = 2.0 * mean_length * random.uniform(size=len(at))
        at = kept[:, index] = _path(at, speed, length, mirror, lower, upper)
    return kept


def _path(
    start: np.ndarray, speed: np.ndarray, length: np.ndarray, mirror: np.ndarray, lower: np.ndarray, upper: np.ndarray
) -> np.ndarray:
    """Return the ends of paths with reflections, shape [C, M]; a path of too many ends where it began."""
    at, chain = start.copy(), np.arange(len(start))
    for _ in range(_MOST_REFLECTIONS * start.shape[1]):
        room = np.where(speed > 0.0, upper - at, at - lower)
        time = np.maximum(room, 0.0) / np.maximum(np.abs(speed), 1e-300)
        bound = time.argmin(1)
        step = np.minimum(time[chain, bound], length)
        at += step[:, None] * speed
        length = length - step
        if not (length > 0.0).any():
            return np.clip(at, lower, upper)
        hit = np.where(length > 0.0, speed[chain, bound], 0.0)
        speed -= 2.0 * hit[:, None] * mirror.T[bound]
    return np.where((length > 0.0)[:, None], start, np.clip(at, lower, upper))
