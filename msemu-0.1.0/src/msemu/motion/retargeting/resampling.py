"""Bringing a source motion to the control rate, before inverse kinematics."""

from dataclasses import replace

import numpy as np
from scipy.interpolate import CubicSpline

from msemu.errors import MsemuError
from msemu.files import check_frames
from msemu.motion.smoothing import continuous_quaternions
from msemu.motion.source import SourceMotion


def resample(source: SourceMotion, fps: float) -> SourceMotion:
    """Return the motion, of any frame times, at ``fps`` frames per second by cubic splines.

    Quaternions are interpolated componentwise with continuous signs and normalized, which is smooth to the second
    derivative; spherical linear interpolation would put a kink into the angular velocity at each source frame.

    Raises:
        MsemuError: Too few frames are left of it.
    """
    frames = int(np.floor(source.time_s[-1] * fps + 1e-9)) + 1
    check_frames(f"motion '{source.name}'", frames, f" at {fps:g} Hz")
    return _evaluate(source, np.arange(frames) / fps, None)


def resample_cycle(source: SourceMotion, displacement: np.ndarray | None, fps: float) -> SourceMotion:
    """Return one period at ``fps`` frames per second by periodic cubic splines.

    The period is rounded to a whole number of frames: the movement becomes faster or slower by less than half a frame
    per period. The last frame, one period after the first, is dropped. ``displacement`` is that of
    `msemu.motion.retargeting.looping.spread_gap` [m], shape [3]; None samples an open cycle at the same instants.

    Raises:
        MsemuError: A segment makes a whole turn within the period, or too few frames are left of it.
    """
    period = source.time_s[-1]
    frames = round(period * fps)
    check_frames(f"motion '{source.name}'", frames, f" at {fps:g} Hz")
    sampled = _evaluate(source, np.arange(frames) * (period / frames), displacement)
    return replace(sampled, time_s=np.arange(frames) / fps)


def _evaluate(source: SourceMotion, time_s: np.ndarray, displacement: np.ndarray | None) -> SourceMotion:
    periodic = displacement is not None

    def spline(values: np.ndarray) -> np.ndarray:
        if not periodic:
            return CubicSpline(source.time_s, values, axis=0)(time_s)
        closed = values.copy()
        closed[-1] = closed[0]
        return CubicSpline(source.time_s, closed, axis=0, bc_type="periodic")(time_s)

    def points(values: np.ndarray) -> np.ndarray:
        if not periodic:
            return spline(values)
        per_second = displacement / source.time_s[-1]
        column = (-1, *[1] * (values.ndim - 1))
        return spline(values - source.time_s.reshape(column) * per_second) + time_s.reshape(column) * per_second

    signed = continuous_quaternions(source.orientations)
    if periodic and ((signed[0] * signed[-1]).sum(-1) < 0).any():
        raise MsemuError(f"motion '{source.name}' turns a full circle within a cycle; import it with --no-cyclic")
    quaternions = spline(signed)
    return replace(
        source,
        time_s=time_s,
        positions=points(source.positions),
        orientations=quaternions / np.linalg.norm(quaternions, axis=-1, keepdims=True),
        sole_points=points(source.sole_points),
        joint_angles={name: CubicSpline(source.time_s, path)(time_s) for name, path in source.joint_angles.items()},
    )
