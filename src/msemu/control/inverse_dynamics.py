"""Accelerations of a recorded movement, and the generalized forces that they require."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import torch

from msemu.control.dynamics import DynamicsReader, DynamicsState
from msemu.models.body import Body
from msemu.motion.clip import MotionClip
from msemu.motion.smoothing import smooth_path, steps_between, velocities

_FRAMES_AT_ONCE = 128


@dataclass(frozen=True)
class Movement:
    """A movement with its accelerations.

    Attributes:
        qpos: Generalized position [m, rad], shape [T, nq].
        qvel: Generalized velocity [m/s, rad/s], couplings fulfilled, shape [T, nv].
        qacc: Generalized acceleration in MuJoCo's convention [m/s^2, rad/s^2], shape [T, nv]. That of dependent joints
            is not used: it follows.
        fps: Frames per second [Hz].
        cyclic: Whether the first frame follows the last.
    """

    qpos: np.ndarray
    qvel: np.ndarray
    qacc: np.ndarray
    fps: float
    cyclic: bool = False

    def every(self, stride: int) -> "Movement":
        """Return every so-many-th frame, from the first one on."""
        parts = {name: getattr(self, name)[::stride] for name in ("qpos", "qvel", "qacc")}
        return replace(self, **parts, fps=self.fps / stride)


def differentiate(body: Body, clip: MotionClip, smoothing_s: float) -> Movement:
    """Smooth a clip and differentiate it twice, both without delay.

    The standard deviation of the Gaussian over the path [s] halves amplitudes at 0.19 / smoothing_s [Hz]. Zero takes
    the clip's own poses and velocities.
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
    return Movement(qpos, qvel, qacc, clip.fps, clip.cyclic)


def differences(body: Body, path: np.ndarray, fps: float) -> Movement:
    """Return the inner frames of a path, [T + 2, nq], differentiated twice by the differences to their neighbors."""
    speed = fps * steps_between(body, path)
    return Movement(path[1:-1], 0.5 * (speed[1:] + speed[:-1]), fps * np.diff(speed, axis=0), fps)


def required_forces(body: Body, movement: Movement) -> np.ndarray:
    """Return the generalized forces of muscles and floor that a movement requires [N m or N], shape [T, D]."""
    return np.concatenate([state.required_force.numpy() for _, state in dynamics_along(body, movement, ())])


def dynamics_along(
    body: Body, movement: Movement, contact_regions: Sequence[str]
) -> Iterator[tuple[DynamicsReader, DynamicsState]]:
    """Yield the equation of motion along a movement, many frames at once, and its reader.

    ``contact_regions`` are those of the body whose contact with the floor counts.
    """
    reader_of = cache(lambda count: DynamicsReader(body, count, contact_regions))
    for start in range(0, len(movement.qpos), _FRAMES_AT_ONCE):
        part = slice(start, start + _FRAMES_AT_ONCE)
        arrays = (movement.qpos, movement.qvel, movement.qacc)
        qpos, qvel, qacc = (torch.from_numpy(values[part]) for values in arrays)
        reader = reader_of(len(qpos))
        yield reader, reader.read(qpos, qvel, qacc[:, reader.dofs.index])
