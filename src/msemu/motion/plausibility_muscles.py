"""Muscle lengths and moment arms along a clip, and the jumps of the tendons over their wrapping surfaces."""

from dataclasses import dataclass

import mujoco
import numpy as np

from msemu.models.body import Body
from msemu.muscle.parameters import MuscleParameters


@dataclass(frozen=True)
class MusclePath:
    """Muscles along a path of F frames, in the body's independent coordinates, the root first, D of them.

    Attributes:
        length: Muscle-tendon lengths [m], shape [F, M].
        moment_arm: Derivative of the length by the independent coordinates [m], shape [F, M, D].
        reduction: Derivative of all velocities by the independent ones, shape [F, nv, D].
        jump: Change of length between frames that the moment arms do not explain, as a share of the optimal fibre
            length [-], shape [F - 1, M]. Where a tendon moves smoothly over its wrapping surfaces this vanishes
            with the cube of the time between frames; where it snaps over one, it is the size of the snap.
    """

    length: np.ndarray
    moment_arm: np.ndarray
    reduction: np.ndarray
    jump: np.ndarray


def muscle_path(body: Body, qpos: np.ndarray) -> MusclePath:
    """Follow the muscles along poses, shape [F, nq]."""
    model, data = body.model, mujoco.MjData(body.model)
    dofs = np.concatenate([np.arange(6), 6 + body.independent_joints])
    length, arms, reductions, jumps = [], [], [], []
    dense, step = np.zeros((model.nu, model.nv)), np.zeros(model.nv)
    earlier = np.zeros_like(dense)
    for frame, pose in enumerate(qpos):
        data.qpos[:] = pose
        mujoco.mj_fwdPosition(model, data)
        earlier[:] = dense
        mujoco.mju_sparse2dense(dense, data.actuator_moment, data.moment_rownnz, data.moment_rowadr, data.moment_colind)
        reduction = body.couplings.project_velocity(pose, np.eye(model.nv)[dofs]).T
        length.append(data.actuator_length.copy())
        arms.append(dense @ reduction)
        reductions.append(reduction)
        if frame:
            mujoco.mj_differentiatePos(model, step, 1.0, qpos[frame - 1], pose)
            jumps.append(length[-1] - length[-2] - 0.5 * (earlier + dense) @ step)
    optimal = MuscleParameters.of(model).optimal_fiber_length
    return MusclePath(np.stack(length), np.stack(arms), np.stack(reductions), np.abs(np.stack(jumps)) / optimal)
