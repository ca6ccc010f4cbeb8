"""Muscle lengths and moment arms over many poses."""

from collections.abc import Iterator

import mujoco
import numpy as np

from msemu.models.poses import random_poses

_NUM_POSES = 30
_THRESHOLD_M = 1e-6


def muscle_lengths(model: mujoco.MjModel, poses: np.ndarray) -> np.ndarray:
    """Return the length of each muscle with its tendon [m], shape [N, nu].

    Args:
        model: A model whose actuators are muscles.
        poses: ``qpos`` of each pose, shape [N, nq].
    """
    return np.stack([data.actuator_length.copy() for data in _posed(model, poses)])


def moment_arms(model: mujoco.MjModel, poses: np.ndarray) -> np.ndarray:
    """Return the moment arm of each muscle about each degree of freedom [m], shape [N, nu, nv].

    Args:
        model: A model whose actuators are muscles.
        poses: ``qpos`` of each pose, shape [N, nq].
    """
    arms = np.zeros((len(poses), model.nu, model.nv))
    for data, dense in zip(_posed(model, poses), arms, strict=True):
        mujoco.mju_sparse2dense(dense, data.actuator_moment, data.moment_rownnz, data.moment_rowadr, data.moment_colind)
    return arms


def measure_inert_muscles(model: mujoco.MjModel) -> np.ndarray:
    """Return the muscles that have no moment arm about any joint in any of 30 random poses.

    Such a muscle runs between bodies that the model joins rigidly. It cannot move anything.
    """
    arms = moment_arms(model, random_poses(model, _NUM_POSES, seed=0))
    return np.flatnonzero(np.abs(arms[:, :, 6:]).max(axis=(0, 2)) < _THRESHOLD_M)


def _posed(model: mujoco.MjModel, poses: np.ndarray) -> Iterator[mujoco.MjData]:
    """Yield the same data for each pose, with all that the muscles' paths depend on; the contacts are left out."""
    data = mujoco.MjData(model)
    for pose in poses:
        data.qpos = pose
        mujoco.mj_kinematics(model, data)
        mujoco.mj_comPos(model, data)
        mujoco.mj_tendon(model, data)
        mujoco.mj_transmission(model, data)
        yield data
