"""Which joints keep a joint center from where the recorded movement has it."""

import numpy as np

from msemu.models.anatomy.landmarks import LANDMARKS
from msemu.models.body import Body
from msemu.muscle.paths.parts import ancestor_dofs

_AT_LIMIT_SHARE = 0.01
"""A joint within this share of its range from an end of it is at its limit [-]."""


def joints_at_limit(body: Body, pose: np.ndarray, center: str) -> list[str]:
    """Return the independent joints of a joint center's limb and of the trunk that are at a limit in a pose [nq].

    The whole leg or arm of a center such as ``knee_r`` counts, down to the toes or the wrist.
    """
    model, (joint, side) = body.model, center.split("_")
    end = f"{'toe' if joint in ('hip', 'knee', 'ankle') else 'wrist'}_{side}"
    chain = ancestor_dofs(model, int(body.landmark_bodies[LANDMARKS.index(end)]))
    found = []
    for index in body.independent_joints:
        low, high = model.jnt_range[1 + index]
        room = min(pose[7 + index] - low, high - pose[7 + index])
        belongs = model.jnt_limited[1 + index] and chain[6 + index]
        if belongs and room < _AT_LIMIT_SHARE * (high - low):
            found.append(f"{body.joint_names[index]} {np.degrees(pose[7 + index]):.0f} deg")
    return found
