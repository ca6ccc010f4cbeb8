"""The foot of the DeepMimic humanoid, which the Isaac AMP humanoid shares.

A box on the ankle: 177 x 90 x 55 mm, centered 45 mm ahead of the ankle and 22.5 mm below it (DeepMimic
``data/characters/humanoid3d.txt``, link ``right_ankle``; Peng et al. 2018, doi:10.1145/3197517.3201311).
"""

from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from msemu.files import sha256_of
from msemu.motion.source import JOINT_CENTERS, SEGMENTS, SourceMotion

ANKLE_HEIGHT_M = 0.05
"""Height of the ankle above the sole [m]."""

_HEEL_AND_BALL = np.array([[-0.0435, 0.0, -0.05], [0.1335, 0.0, -0.05]])
"""Middle of the rear and of the front lower edge of the box, in the foot's frame [m]."""


def source_from_humanoid(
    path: Path,
    time_s: np.ndarray,
    centers: np.ndarray,
    orientations: np.ndarray,
    name: str,
    source: str,
    cyclic: bool = False,
) -> SourceMotion:
    """Return the movement of the humanoid.

    Centers are in the order of `JOINT_CENTERS`, z up [m], shape [T, 12, 3], orientations in that of `SEGMENTS` (w, x,
    y, z), shape [T, 5, 4].
    """
    ankles = [f"ankle_{side}" for side in "rl"]
    feet = orientations[:, [SEGMENTS.index(name) for name in ankles]]
    matrices = Rotation.from_quat(feet.reshape(-1, 4), scalar_first=True).as_matrix().reshape(*feet.shape[:2], 3, 3)
    from_ankle = np.einsum("tsij,cj->tsci", matrices, _HEEL_AND_BALL)
    soles = centers[:, [JOINT_CENTERS.index(name) for name in ankles], None] + from_ankle
    sha256 = sha256_of(path)
    return SourceMotion(name, time_s, centers, orientations, soles, ANKLE_HEIGHT_M, cyclic, source, sha256=sha256)
