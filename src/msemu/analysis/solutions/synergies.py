"""Muscle synergies by nonnegative matrix factorization."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

_TINY = 1e-12


@dataclass(frozen=True)
class Synergies:
    """Activations [T, M] as ``courses @ weights``, approximately.

    Attributes:
        courses: Course of each of K synergies, shape [T, K].
        weights: Share of each muscle, norm one, shape [K, M].
        vaf: Variance accounted for, uncentered, ``1 - sum (E - C W)^2 / sum E^2``.
        vaf_of_muscles: The same muscle by muscle, shape [M].
    """

    courses: np.ndarray
    weights: np.ndarray
    vaf: float
    vaf_of_muscles: np.ndarray


def find_synergies(
    activation: np.ndarray, count: int, restarts: int = 20, iterations: int = 500, seed: int = 0
) -> Synergies:
    """Return the best of several factorizations by the multiplicative updates of Lee and Seung (2001).

    Activations [T, M] are taken as they are: divide each muscle by its own greatest one first, where that is wanted.
    """
    random = np.random.default_rng(seed)
    fits = [_factorize(activation, count, iterations, random) for _ in range(restarts)]
    courses, weights = min(fits, key=lambda fit: np.square(activation - fit[0] @ fit[1]).sum())
    size = np.linalg.norm(weights, axis=1) + _TINY
    missed, power = np.square(activation - courses @ weights), np.square(activation)
    return Synergies(
        courses=courses * size,
        weights=weights / size[:, None],
        vaf=float(1.0 - missed.sum() / max(power.sum(), _TINY)),
        vaf_of_muscles=1.0 - missed.sum(0) / np.maximum(power.sum(0), _TINY),
    )


def number_of_synergies(activation: np.ndarray, vaf: float = 0.9, restarts: int = 20, seed: int = 0) -> int:
    """Return the least number of synergies that account for so much."""
    fits = (find_synergies(activation, count, restarts, seed=seed) for count in range(1, activation.shape[1]))
    return next((len(fit.weights) for fit in fits if fit.vaf >= vaf), activation.shape[1])


def matched_similarity(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return the cosines of the weights of two sets of synergies, matched for the greatest sum."""
    cosine = (one / np.linalg.norm(one, axis=1)[:, None]) @ (other / np.linalg.norm(other, axis=1)[:, None]).T
    return cosine[linear_sum_assignment(-cosine)]


def _factorize(
    activation: np.ndarray, count: int, iterations: int, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    courses = random.uniform(0.1, 1.0, (len(activation), count))
    weights = random.uniform(0.1, 1.0, (count, activation.shape[1])) * activation.mean()
    for _ in range(iterations):
        weights *= (courses.T @ activation) / (courses.T @ courses @ weights + _TINY)
        courses *= (activation @ weights.T) / (courses @ (weights @ weights.T) + _TINY)
    return courses, weights
