"""Poses of a model: the neutral pose, the floor under it, random poses."""

from collections.abc import Iterator

import mujoco
import numpy as np

from msemu.errors import MsemuError, suggestion
from msemu.models.couplings import Couplings
from msemu.models.geoms import lowest_points


def scalar_joints(model: mujoco.MjModel) -> np.ndarray:
    """Return the ids of all joints but the free root, shape [J]."""
    return np.flatnonzero(model.jnt_type != mujoco.mjtJoint.mjJNT_FREE)


def posed(model: mujoco.MjModel, poses: np.ndarray) -> Iterator[mujoco.MjData]:
    """Yield the same data with the places of bodies, geoms and sites in each pose, shape [T, nq]."""
    data = mujoco.MjData(model)
    for qpos in poses:
        data.qpos[:] = qpos
        mujoco.mj_kinematics(model, data)
        yield data


def at_pose(model: mujoco.MjModel, qpos: np.ndarray) -> mujoco.MjData:
    """Return data with the places of bodies, geoms and sites in a pose, shape [nq]."""
    return next(posed(model, qpos[None]))


def pose(model: mujoco.MjModel, root_quaternion: tuple[float, ...], joints: dict[str, float]) -> np.ndarray:
    """Return ``qpos`` with a root orientation and named joint values, couplings applied, shape [nq].

    Raises:
        MsemuError: The model has no joint of that name.
    """
    qpos = model.qpos0.copy()
    qpos[3:7] = np.array(root_quaternion) / np.linalg.norm(root_quaternion)
    for name, value in joints.items():
        joint = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_JOINT, name)
        if joint < 0:
            names = [model.joint(index).name for index in scalar_joints(model)]
            raise MsemuError(f"the model has no joint '{name}' for the neutral pose{suggestion(name, names)}")
        qpos[model.jnt_qposadr[joint]] = value
    return Couplings.of(model).project(qpos)


def carry_over(qpos: np.ndarray, source: mujoco.MjModel, target: mujoco.MjModel) -> np.ndarray:
    """Return a pose of ``source`` in the coordinates of ``target``, which has some of its joints [nq]."""
    carried = target.qpos0.copy()
    carried[:7] = qpos[:7]
    for joint in scalar_joints(target):
        carried[target.jnt_qposadr[joint]] = qpos[source.joint(target.joint(joint).name).qposadr[0]]
    return carried


def stand_on_floor(model: mujoco.MjModel, qpos: np.ndarray, geoms: np.ndarray) -> np.ndarray:
    """Return the pose with the pelvis above the origin and the lowest of ``geoms`` touching z = 0."""
    data = at_pose(model, qpos)
    standing = qpos.copy()
    standing[:2] -= data.site("landmark/pelvis").xpos[:2]
    standing[2] -= lowest_points(model, data, geoms)[:, 2].min()
    return standing


def dependent_ranges(model: mujoco.MjModel) -> tuple[np.ndarray, np.ndarray]:
    """Return the ids of the joints that a coupling prescribes [C] and the range that it leads them through [C, 2]."""
    couplings, joints = Couplings.of(model), scalar_joints(model)
    limits = np.tile(model.qpos0, (2, 1))
    limits[:, model.jnt_qposadr[joints]] = model.jnt_range[joints].T
    by_address = {int(address): joint for joint, address in enumerate(model.jnt_qposadr)}
    return np.array([by_address[index] for index in couplings.dependent], dtype=int), couplings.ranges(*limits)


def random_poses(model: mujoco.MjModel, num_poses: int, seed: int, ranges: np.ndarray | None = None) -> np.ndarray:
    """Return poses with joints uniform in their range, couplings applied, root at rest, shape [N, nq].

    The ``ranges`` [rad or m], shape [J, 2], are those of the joints by default.
    """
    joints = scalar_joints(model)
    low, high = (model.jnt_range[joints] if ranges is None else ranges).T
    qpos = np.tile(model.qpos0, (num_poses, 1))
    qpos[:, model.jnt_qposadr[joints]] = np.random.default_rng(seed).uniform(low, high, (num_poses, len(joints)))
    return Couplings.of(model).project(qpos)
