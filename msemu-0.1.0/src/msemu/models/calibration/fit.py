"""Optimal fiber length and tendon slack length from lengths of the path and of the fiber in some poses.

With a rigid tendon both lengths enter the length of the path linearly, ``path = L0 projection + slack`` with the
normalized projection of the fiber on the tendon, so they follow by least squares (Modenese et al. 2016, doi
10.1016/j.jbiomech.2015.11.006). A weak pull to the published fiber length holds it where the path hardly moves.
"""

from typing import NamedTuple

import numpy as np
from scipy.optimize import lsq_linear

TOLERANCE = 0.1
"""Greatest change of the published optimal fiber length, about the deviation among people (Ward et al. 2009)."""
_PULL = 0.1
SLACK_PROJECTION = 0.05
"""Projection [L0] up to which the path says nothing of the fiber: a slack tendon leaves it as long as it is thick."""


class Fit(NamedTuple):
    """Lengths of a muscle.

    Attributes:
        optimal_fiber_length: Fiber length L0 of greatest force [m].
        tendon_slack_length: Length from which the tendon pulls [m], not below 0.
    """

    optimal_fiber_length: float
    tendon_slack_length: float


def fit_lengths(path: np.ndarray, fiber: np.ndarray, optimal: float, pennation_angle: float) -> Fit:
    """Fit a muscle to K lengths.

    Args:
        path: Muscle-tendon lengths [m], shape [K].
        fiber: Published fiber length at each [L0], shape [K].
        optimal: Published optimal fiber length at the size of the body [m].
        pennation_angle: Angle between fiber and tendon at the optimal fiber length [rad].
    """
    projection = fiber_projection(fiber, pennation_angle)
    taut = projection > SLACK_PROJECTION
    rows = np.stack([projection[taut], np.ones(taut.sum())], axis=1) / optimal
    pull = np.array([[_PULL / optimal, 0.0]])
    wanted = np.append(path[taut] / optimal, _PULL)
    bounds = ([optimal * (1 - TOLERANCE), 0.0], [optimal * (1 + TOLERANCE), np.inf])
    return Fit(*lsq_linear(np.vstack([rows, pull]), wanted, bounds, method="bvls").x)


def fiber_projection(fiber: np.ndarray, pennation_angle: float) -> np.ndarray:
    """Return the projection [L0] on the tendon of a fiber length [L0], for a muscle that keeps its thickness."""
    return np.sqrt(np.maximum(fiber**2 - np.sin(pennation_angle) ** 2, 0))
