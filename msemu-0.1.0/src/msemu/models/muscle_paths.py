"""Muscle lengths and moment arms over many poses."""

from collections.abc import Iterator

import mujoco
import numpy as np

from msemu.models.poses import posed, random_poses

_NUM_POSES = 30
_THRESHOLD_M = 1e-6


def muscle_lengths(model: mujoco.MjModel, poses: np.ndarray) -> np.ndarray:
    """Return the length of each muscle with its tendon [m] in poses, shape [N, nq], as shape [N, nu]."""
    return np.stack([lengths for lengths, _ in paths_along(model, poses)])


def tendon_lengths(model: mujoco.MjModel, poses: np.ndarray) -> np.ndarray:
    """Return the length of each tendon [m] in poses, shape [N, nq], as shape [N, ntendon]."""
    lengths = []
    for data in posed(model, poses):
        mujoco.mj_tendon(model, data)
        lengths.append(data.ten_length.copy())
    return np.stack(lengths)


def moment_arms(model: mujoco.MjModel, poses: np.ndarray) -> np.ndarray:
    """Return the moment arm of each muscle about each degree of freedom [m] in poses, [N, nq], as shape [N, nu, nv]."""
    return np.stack([arms for _, arms in paths_along(model, poses)])


def paths_along(model: mujoco.MjModel, poses: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield lengths [m], shape [nu], and moment arms [m], shape [nu, nv], pose by pose."""
    for data in posed(model, poses):
        mujoco.mj_comPos(model, data)
        mujoco.mj_tendon(model, data)
        mujoco.mj_transmission(model, data)
        arms = np.zeros((model.nu, model.nv))
        mujoco.mju_sparse2dense(arms, data.actuator_moment, data.moment_rownnz, data.moment_rowadr, data.moment_colind)
        yield data.actuator_length.copy(), arms


def measure_inert_muscles(model: mujoco.MjModel) -> np.ndarray:
    """Return the muscles that have no moment arm about any joint in any of 30 random poses.

    Such a muscle runs between bodies that the model joins rigidly. It cannot move anything.
    """
    arms = moment_arms(model, random_poses(model, _NUM_POSES, seed=0))
    return np.flatnonzero(np.abs(arms[:, :, 6:]).max(axis=(0, 2)) < _THRESHOLD_M)
