"""Smooth paths and the velocities that belong to them."""

import mujoco
import numpy as np
from scipy.ndimage import gaussian_filter1d

from msemu.models.body import Body

_FLAT_WIDTH = 4.0 / 3.0
"""Width of the Gaussian of a flat smoothing over that of a plain one with the same cut-off [-]."""


def smooth_path(
    qpos: np.ndarray, width_s: float, fps: float, displacement: np.ndarray | None, flat: bool = False
) -> np.ndarray:
    """Return a path smoothed by a Gaussian, without delay.

    Args:
        qpos: Free root and joints, shape [T, nq].
        width_s: Standard deviation of the Gaussian [s]; it halves the amplitude at 0.19 / width_s [Hz].
        fps: Frame rate [Hz].
        displacement: Root translation over one cycle [m], shape [3]; None when the path is not cyclic.
        flat: Whether to smooth what the Gaussian takes away and give it back (twicing: Tukey 1977, Exploratory Data
            Analysis). A parabola then stays what it is, where a Gaussian of 0.03 s flattens a jump by 9 mm at two g;
            the cut-off is the same.
    """
    path = qpos.copy()
    path[:, 3:7] = continuous_quaternions(qpos[:, 3:7])
    width = width_s * fps * (_FLAT_WIDTH if flat else 1.0)
    course = np.zeros_like(path)
    if displacement is not None:
        course[:, :3] = np.arange(len(path))[:, None] / len(path) * displacement

    def blur(values: np.ndarray) -> np.ndarray:
        if displacement is not None:
            return gaussian_filter1d(values, width, axis=0, mode="wrap")
        margin = min(int(4.0 * width) + 1, len(values) - 1)
        padded = np.pad(values, ((margin, margin), (0, 0)), mode="reflect", reflect_type="odd")
        return gaussian_filter1d(padded, width, axis=0)[margin:-margin]

    path -= course
    smooth = blur(path)
    if flat:
        smooth += blur(path - smooth)
    smooth += course
    smooth[:, 3:7] /= np.linalg.norm(smooth[:, 3:7], axis=1, keepdims=True)
    return smooth


def velocities(body: Body, qpos: np.ndarray, fps: float, displacement: np.ndarray | None) -> np.ndarray:
    """Return central differences of a path [T, nq] in MuJoCo's velocity convention, shape [T, nv].

    The first and the last frame of a movement that is not cyclic have one-sided differences. Dependent joints
    follow their drivers by the chain rule. ``displacement`` is as in `smooth_path`.
    """
    qvel, span = np.zeros((len(qpos), body.model.nv)), np.full(len(qpos), 2.0)
    if displacement is None:
        path = np.concatenate([qpos[:1], qpos, qpos[-1:]])
        span[[0, -1]] = 1.0
    else:
        path = np.concatenate([qpos[-1:], qpos, qpos[:1]])
        path[0, :3] -= displacement
        path[-1, :3] += displacement
    for frame in range(len(qpos)):
        mujoco.mj_differentiatePos(body.model, qvel[frame], span[frame] / fps, path[frame], path[frame + 2])
    return body.couplings.project_velocity(qpos, qvel)


def steps_between(body: Body, qpos: np.ndarray) -> np.ndarray:
    """Return what leads from each pose of a path to the next in MuJoCo's velocity convention, shape [T - 1, nv]."""
    steps = np.empty((len(qpos) - 1, body.model.nv))
    for step, before, after in zip(steps, qpos[:-1], qpos[1:], strict=True):
        mujoco.mj_differentiatePos(body.model, step, 1.0, before, after)
    return steps


def continuous_quaternions(quaternions: np.ndarray) -> np.ndarray:
    """Flip signs so that neighboring quaternions lie on the same half of the sphere, shape [T, ..., 4]."""
    agreement = np.where((quaternions[1:] * quaternions[:-1]).sum(-1) < 0, -1.0, 1.0)
    signs = np.concatenate([np.ones((1, *agreement.shape[1:])), np.cumprod(agreement, axis=0)])
    return quaternions * signs[..., None]
