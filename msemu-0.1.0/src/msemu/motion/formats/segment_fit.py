"""Joint angles that turn a segment of a body as wanted: from other models' spines and shoulders to the body's."""

from collections.abc import Callable

import mujoco
import numpy as np
from scipy.spatial.transform import Rotation

from msemu.models.body import Body
from msemu.muscle.paths.parts import ancestor_dofs

_MAX_ITERATIONS = 60
_TOLERANCE_RAD = 1e-7
_MAX_STEP_RAD = 0.4


def joints_between(body: Body, ancestor: int, descendant: int) -> np.ndarray:
    """Return the independent joints that turn one body (by id) against another, as indices into ``joint_names``."""
    between = ancestor_dofs(body.model, ancestor) ^ ancestor_dofs(body.model, descendant)
    return body.independent_joints[between[6 + body.independent_joints]]


def fit_rotations(
    body: Body,
    qpos: np.ndarray,
    joints: np.ndarray,
    segment: int,
    measure: Callable[[mujoco.MjData], Rotation],
    wanted: Rotation,
) -> np.ndarray:
    """Return poses in which a segment is turned as wanted, found by Gauss-Newton steps from frame to frame.

    Of the poses, shape [T, nq], the joints (indices into ``joint_names``) change, beginning at the first frame's; the
    others stay. ``measure`` gives the orientation of axes that are fixed in the segment (body id).
    """
    model, data = body.model, mujoco.MjData(body.model)
    found, columns = qpos.copy(), 7 + joints
    angular = np.empty((3, model.nv))
    for frame in range(len(found)):
        pose = found[frame].copy()
        pose[columns] = found[max(frame - 1, 0), columns]
        for _ in range(_MAX_ITERATIONS):
            pose = body.couplings.project(pose)
            data.qpos[:] = pose
            mujoco.mj_kinematics(model, data)
            error = (wanted[frame] * measure(data).inv()).as_rotvec()
            if np.linalg.norm(error) < _TOLERANCE_RAD:
                break
            mujoco.mj_comPos(model, data)
            mujoco.mj_jacBody(model, data, None, angular, segment)
            jacobian = angular @ body.couplings.reduction(pose, 6 + joints)
            step = np.linalg.lstsq(jacobian, error, rcond=1e-4)[0]
            pose[columns] += step * min(1.0, _MAX_STEP_RAD / max(np.abs(step).max(), 1e-12))
        found[frame] = body.couplings.project(pose)
    return found
