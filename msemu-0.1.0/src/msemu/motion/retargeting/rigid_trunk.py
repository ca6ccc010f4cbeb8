"""Hips that carry a trunk without joints: they give way sideways as far as the trunk leans with the pelvis."""

from dataclasses import replace

import numpy as np
from scipy.spatial.transform import Rotation

from msemu.models.anatomy.landmarks import LANDMARKS
from msemu.models.body import Body
from msemu.models.poses import at_pose
from msemu.motion.retargeting.targets import TRUNK_PIVOT, Targets
from msemu.motion.source import JOINT_CENTERS, SEGMENTS

_FARTHEST_M = 0.02
"""Hips give way by no more than this, which turns them by 1.3 degrees [m]: who bends far sideways looks like it."""


def keep_center_of_mass(body: Body, targets: Targets) -> Targets:
    """Return targets whose hips, and knees by half, are moved so that the center of mass stays above the feet.

    A person's thorax stays upright when the pelvis drops on one side; one that is rigid on the pelvis leans by the same
    angle, and would fall to the side where nothing can hold it. Ahead and back, where feet are long, nothing is moved.
    """
    pelvis, thorax = (
        Rotation.from_quat(targets.orientations[:, SEGMENTS.index(name)], scalar_first=True)
        for name in ("pelvis", "thorax")
    )
    lever = _upper_lever(body)
    left = pelvis.apply([0.0, 1.0, 0.0])
    leans = ((pelvis.apply(lever) - thorax.apply(lever)) * left).sum(axis=1, keepdims=True)
    moved = _FARTHEST_M * np.tanh(leans / _FARTHEST_M) * left
    aims = targets.aims.copy()
    for joint, share in (("hip", 1.0), ("knee", 0.5)):
        for side in "rl":
            aims[:, JOINT_CENTERS.index(f"{joint}_{side}")] -= share * moved
    return replace(targets, aims=aims)


def _upper_lever(body: Body) -> np.ndarray:
    """Return by how much the hips move for a trunk above the pivot that turns: its first moment over the mass [m].

    The mass is that of the body without half of the legs, which move by half as much as the hips; shape [3].
    """
    data, mass = at_pose(body.model, body.neutral_qpos), body.model.body_mass
    point = {name: data.site(f"landmark/{name}").xpos for name in LANDMARKS}
    hips, shoulders = (0.5 * (point[f"{name}_r"] + point[f"{name}_l"]) for name in ("hip", "shoulder"))
    pivot = hips + TRUNK_PIVOT * (shoulders - hips)
    above = data.xipos[:, 2] > pivot[2]
    legs = sum(body.model.body_subtreemass[body.landmark_bodies[LANDMARKS.index(f"hip_{side}")]] for side in "rl")
    return mass[above] @ (data.xipos[above] - pivot) / (body.mass - 0.5 * legs)
