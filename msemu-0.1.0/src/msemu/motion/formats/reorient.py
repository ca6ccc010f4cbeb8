"""Turning and mirroring a recording that holds the orientation of every segment."""

from dataclasses import replace

import numpy as np
from scipy.spatial.transform import Rotation

from msemu.motion.formats.axes import to_z_up
from msemu.motion.source import SourceMotion


def turned(source: SourceMotion, up: str | None, usual_up: str) -> SourceMotion:
    """Return a recording that was read as if ``usual_up`` were the vertical axis of its file, with ``up`` as such."""
    if up is None or up == usual_up:
        return source
    axes = to_z_up(np.eye(3), usual_up).T @ to_z_up(np.eye(3), up)
    rotations = Rotation.from_matrix(axes.T) * Rotation.from_quat(source.orientations.reshape(-1, 4), scalar_first=True)
    return replace(
        source,
        positions=source.positions @ axes,
        orientations=rotations.as_quat(scalar_first=True).reshape(source.orientations.shape),
        sole_points=source.sole_points @ axes,
    )


def mirrored(source: SourceMotion) -> SourceMotion:
    """Return a recording of left-handed axes in right-handed ones: what was at y is at -y."""
    return replace(
        source,
        positions=source.positions * [1.0, -1.0, 1.0],
        orientations=source.orientations * [1.0, -1.0, 1.0, -1.0],
        sole_points=source.sole_points * [1.0, -1.0, 1.0],
    )
