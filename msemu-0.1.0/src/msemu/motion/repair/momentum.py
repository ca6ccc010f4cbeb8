"""How the angular momentum of a body changes with its pose while the velocities of its joints stay."""

import mujoco
import numpy as np

_ROOT = 6


def momentum_by_pose(model: mujoco.MjModel, data: mujoco.MjData) -> np.ndarray:
    """Return the derivative of the angular momentum about the center of mass by each degree of freedom, shape [3, nv].

    The root is free. Turning a joint carries along the momentum of what hangs on it, but not the velocity ``V`` with
    which the joint itself moves: ``S x* H - I (S x V)`` for its axis S and the momentum H and the inertia I of what
    hangs on it (Carpentier and Mansard 2018, doi:10.15607/RSS.2018.XIV.038). Needs `momentum_of` of the same state.
    """
    mujoco.mj_crb(model, data)
    body = model.dof_bodyid
    turn, shift = data.cdof[:, :3], data.cdof[:, 3:]
    spin, speed = np.split(_joint_velocities(model, data), 2, axis=1)
    momenta = _times(data.cinert, *np.split(data.cvel, 2, axis=1))
    for child in range(model.nbody - 1, 0, -1):
        momenta[model.body_parentid[child]] += momenta[child]
    angular, linear = momenta[body, :3], momenta[body, 3:]
    lost = _times(data.crb[body], np.cross(turn, spin), np.cross(turn, speed) + np.cross(shift, spin))
    about_origin = np.cross(turn, angular) + np.cross(shift, linear) - lost[:, :3]
    center = np.empty((3, model.nv))
    mujoco.mj_jacSubtreeCom(model, data, center, 0)
    return (about_origin - np.cross(center.T, momenta[0, 3:])).T


def _joint_velocities(model: mujoco.MjModel, data: mujoco.MjData) -> np.ndarray:
    """Return the spatial velocity with which the axis of each degree of freedom moves, its own included, [nv, 6]."""
    own = data.cdof * data.qvel[:, None]
    summed = np.vstack([np.zeros(6), np.cumsum(own, axis=0)])
    body = model.dof_bodyid
    velocity = data.cvel[model.body_parentid[body]] + summed[1:] - summed[model.body_dofadr[body]]
    velocity[:_ROOT] = np.concatenate([np.zeros(3), data.qvel[:3]])  # the axes of a free root turn with it
    return velocity


def _times(inertia: np.ndarray, spin: np.ndarray, speed: np.ndarray) -> np.ndarray:
    """Return the angular and linear momenta of spatial inertias as MuJoCo packs them, [B, 10], shape [B, 6]."""
    xx, yy, zz, xy, xz, yz = inertia[:, :6].T
    tensor = np.stack([xx, xy, xz, xy, yy, yz, xz, yz, zz], axis=1).reshape(-1, 3, 3)
    offset, mass = inertia[:, 6:9], inertia[:, 9:]
    angular = np.einsum("bij,bj->bi", tensor, spin) + np.cross(offset, speed)
    return np.hstack([angular, mass * speed + np.cross(spin, offset)])
