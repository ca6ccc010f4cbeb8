"""Accelerations of a recorded movement, and the generalized forces that they require."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch

from msemu.control.dynamics import DynamicsReader, DynamicsState
from msemu.models.body import Body
from msemu.motion.clip import MotionClip
from msemu.motion.smoothing import smooth_path, velocities

_FRAMES_AT_ONCE = 128


@dataclass(frozen=True)
class Movement:
    """A movement with its accelerations.

    Attributes:
        qpos: Generalized position [m, rad], shape [T, nq].
        qvel: Generalized velocity [m/s, rad/s], couplings fulfilled, shape [T, nv].
        qacc: Generalized acceleration in MuJoCo's convention [m/s^2, rad/s^2], shape [T, nv]. That of dependent joints
            is not used: it follows.
    """

    qpos: np.ndarray
    qvel: np.ndarray
    qacc: np.ndarray


def differentiate(body: Body, clip: MotionClip, smoothing_s: float) -> Movement:
    """Smooth a clip and differentiate it twice, both without delay.

    Args:
        body: The body.
        clip: A clip of this body.
        smoothing_s: Standard deviation of the Gaussian over the path [s]; it halves amplitudes at 0.19 / smoothing_s
            [Hz]. Zero takes the clip's own poses and velocities.

    Raises:
        MsemuError: The clip belongs to another body.
    """
    clip.check_matches(body.name, body.joint_names)
    displacement = clip.cycle_displacement if clip.cyclic else None
    qpos, qvel = clip.qpos, clip.qvel
    if smoothing_s > 0:
        qpos = body.couplings.project(smooth_path(clip.qpos, smoothing_s, clip.fps, displacement))
        qvel = velocities(body, qpos, clip.fps, displacement)
    if clip.cyclic:
        qacc = 0.5 * clip.fps * (np.roll(qvel, -1, axis=0) - np.roll(qvel, 1, axis=0))
    else:
        qacc = np.gradient(qvel, 1.0 / clip.fps, axis=0)
    return Movement(qpos, qvel, qacc)


def dynamics_along(
    reader_of: Callable[[int], DynamicsReader], movement: Movement
) -> Iterator[tuple[slice, DynamicsState]]:
    """Read the equation of motion along a movement, many frames at once.

    Args:
        reader_of: Makes a reader of the given number of states.
        movement: The movement.

    Yields:
        A range of frames and their state; every frame occurs once.
    """
    frames = len(movement.qpos)
    for start in range(0, frames, _FRAMES_AT_ONCE):
        part = slice(start, min(start + _FRAMES_AT_ONCE, frames))
        qpos, qvel, qacc = (torch.from_numpy(values[part]) for values in vars(movement).values())
        reader = reader_of(len(qpos))
        yield part, reader.read(qpos, qvel, qacc[:, reader.dofs.index])
