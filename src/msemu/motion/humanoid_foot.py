"""The foot of the DeepMimic humanoid, which the Isaac AMP humanoid shares.

A box on the ankle: 177 x 90 x 55 mm, centred 45 mm ahead of the ankle and 22.5 mm below it (DeepMimic
``data/characters/humanoid3d.txt``, link ``right_ankle``; Peng et al. 2018, doi:10.1145/3197517.3201311).
"""

from itertools import product

import numpy as np
from scipy.spatial.transform import Rotation

ANKLE_HEIGHT_M = 0.05
"""Height of the ankle above the sole [m]."""

_CENTRE = np.array([0.045, 0.0, -0.0225])
_HALF_SIZE = np.array([0.0885, 0.045, 0.0275])
_CORNERS = _CENTRE + np.array([(x, y, -1.0) for x, y in product((-1.0, 1.0), repeat=2)]) * _HALF_SIZE


def sole_points(ankle: np.ndarray, orientation: np.ndarray) -> np.ndarray:
    """Return the four lower corners of a foot [m], shape [T, 4, 3].

    Args:
        ankle: Ankle joint centre, z up [m], shape [T, 3].
        orientation: Orientation of the foot (w, x, y, z), shape [T, 4].
    """
    matrices = Rotation.from_quat(orientation, scalar_first=True).as_matrix()
    return ankle[:, None] + np.einsum("tij,cj->tci", matrices, _CORNERS)
