"""The foot of the DeepMimic humanoid, which the Isaac AMP humanoid shares.

A box on the ankle: 177 x 90 x 55 mm, centered 45 mm ahead of the ankle and 22.5 mm below it (DeepMimic
``data/characters/humanoid3d.txt``, link ``right_ankle``; Peng et al. 2018, doi:10.1145/3197517.3201311).
"""

import numpy as np
from scipy.spatial.transform import Rotation

ANKLE_HEIGHT_M = 0.05
"""Height of the ankle above the sole [m]."""

_HEEL_AND_BALL = np.array([[-0.0435, 0.0, -0.05], [0.1335, 0.0, -0.05]])
"""Middle of the rear and of the front lower edge of the box, in the foot's frame [m]."""


def sole_points(ankle: np.ndarray, orientation: np.ndarray) -> np.ndarray:
    """Return heel and ball of a sole [m], shape [T, 2, 3].

    Args:
        ankle: Ankle joint center, z up [m], shape [T, 3].
        orientation: Orientation of the foot (w, x, y, z), shape [T, 4].
    """
    matrices = Rotation.from_quat(orientation, scalar_first=True).as_matrix()
    return ankle[:, None] + np.einsum("tij,cj->tci", matrices, _HEEL_AND_BALL)
