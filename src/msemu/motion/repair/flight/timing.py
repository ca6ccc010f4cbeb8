"""The timing of a flight: how long free fall takes along the path of a clip.

A recorded flight that was edited or slowed down hangs in the air for longer than its height allows, or turns now
faster, now slower. A smooth change of speed along the path brings it closer to free flight, so that the poses need not.
"""

from dataclasses import dataclass

import mujoco
import numpy as np
from scipy.interpolate import CubicSpline, PchipInterpolator
from scipy.optimize import least_squares

from msemu.models.body import Body
from msemu.motion.flight import GRAVITY, momentum_of, momentum_path
from msemu.motion.smoothing import continuous_quaternions

TOLERATED_M = 0.02
"""Mean displacement that free flight asks for, up to which the timing is left alone [m]."""

_ARM_M = 0.35
"""Distance from the axis at which a turn of the body counts as a displacement, about that of a landmark [m]."""

_KNOT_FRAMES = 5
"""Distance of the knots of the speed [frames]."""

_DEPARTURE_M = 0.01
_LOG_SPEED = 0.4
_WHOLE_FRAMES = 1e-3
"""Errors that count as one: displacement from free flight [m], logarithm of the speed, and the
difference of the duration from a whole number of frames [frames]."""

_DURATIONS = np.arange(0.7, 1.35, 0.04)
"""Durations of the window that are tried, as a share of the present one."""


@dataclass(frozen=True)
class FlightCourse:
    """What free flight fixes along a path of F frames, in the frames without contact and one before and after.

    Attributes:
        center: Center of mass [m], shape [F, 3].
        turn: Angle by which the angular momentum turns the body about its mean axis, as if it were rigid in each
            frame [rad], shape [F].
        inertia: Moment of inertia about that axis [kg m^2], shape [F].
        airborne: The frames that count.
    """

    center: np.ndarray
    turn: np.ndarray
    inertia: np.ndarray
    airborne: slice

    @classmethod
    def of(cls, body: Body, window: np.ndarray, first: int, last: int, fps: float) -> "FlightCourse":
        """Follow a path, shape [F, nq], without contact from frame ``first`` to frame ``last``."""
        center, momentum = momentum_path(body, window, fps)
        momentum = np.concatenate([momentum[:1], momentum, momentum[-1:]])
        airborne = slice(first - 1, last + 2)
        mean = momentum[airborne].mean(axis=0)
        axis = mean / max(float(np.linalg.norm(mean)), 1e-9)
        inertia = _inertia_about(body, window, axis)
        return cls(center, _integral(momentum @ axis / inertia, np.arange(len(window)) / fps), inertia, airborne)

    def departure(self, time: np.ndarray) -> np.ndarray:
        """Return by how much free flight would displace the body if the path had other instants [s], shape [F].

        That is the distance of the center of mass from the closest parabola, and of a point beside the axis from where
        a constant angular momentum has it [m], shape [A, 4].
        """
        now = time[self.airborne]
        ballistic = self.center[self.airborne] - 0.5 * GRAVITY * now[:, None] ** 2
        turn, steady = self.turn[self.airborne], _integral(1.0 / self.inertia, time)[self.airborne]
        return np.column_stack([_beside_line(now, ballistic), _ARM_M * _beside_line(steady, turn)])

    def mean_departure(self, fps: float) -> float:
        """Return the mean displacement that free flight asks for at the timing of the path [m]."""
        return float(np.linalg.norm(self.departure(np.arange(len(self.turn)) / fps), axis=1).mean())


def retime(course: FlightCourse, fps: float) -> np.ndarray:
    """Return where each frame of the path, retimed towards free flight, lies in the given one [frames], shape [G]."""
    frames = len(course.turn)
    knots = np.linspace(0.0, frames - 1, max((frames - 1) // _KNOT_FRAMES, 6) + 1)

    def instants(values: np.ndarray) -> np.ndarray:
        ends = np.concatenate([[0.0], values, [0.0]])
        log_speed = CubicSpline(knots, ends, bc_type="clamped")(np.arange(frames))
        return _integral(np.exp(-log_speed), np.arange(frames))

    def errors(values: np.ndarray, duration: int) -> np.ndarray:
        at = instants(values)
        departure = course.departure(at / fps).ravel() / _DEPARTURE_M
        return np.concatenate([departure, values / _LOG_SPEED, [(at[-1] - duration) / _WHOLE_FRAMES]])

    durations = np.unique(np.round(_DURATIONS * (frames - 1)).astype(int))
    found = [least_squares(errors, np.zeros(len(knots) - 2), args=(duration,)) for duration in durations]
    best = int(np.argmin([fit.cost for fit in found]))
    at = instants(found[best].x)
    at *= durations[best] / at[-1]
    return PchipInterpolator(at, np.arange(frames))(np.arange(durations[best] + 1))


def resample_path(body: Body, path: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Return the poses of a path [F, nq] at places between its frames, shape [G], by cubic splines, shape [G, nq]."""
    continuous = path.copy()
    continuous[:, 3:7] = continuous_quaternions(path[:, 3:7])
    sampled = CubicSpline(np.arange(len(path)), continuous)(at)
    sampled[:, 3:7] /= np.linalg.norm(sampled[:, 3:7], axis=1, keepdims=True)
    return body.couplings.project(sampled)


def _inertia_about(body: Body, window: np.ndarray, axis: np.ndarray) -> np.ndarray:
    """Return the moment of inertia of each pose about an axis through the center of mass [kg m^2], shape [F]."""
    data = mujoco.MjData(body.model)
    inertia = np.empty(len(window))
    for frame, pose in enumerate(window):
        data.qpos[:] = pose
        mujoco.mju_rotVecQuat(data.qvel[3:6], axis, pose[3:7] * [1.0, -1.0, -1.0, -1.0])
        inertia[frame] = momentum_of(body.model, data)[1] @ axis
    return np.maximum(inertia, 1e-6)


def _integral(rate: np.ndarray, time: np.ndarray) -> np.ndarray:
    """Return the integral over time from the first sample on, by trapezoids, shape [F]."""
    return np.concatenate([[0.0], np.cumsum(0.5 * (rate[1:] + rate[:-1]) * np.diff(time))])


def _beside_line(along: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return what a straight line, fitted by least squares, leaves of each column of the values."""
    line = np.column_stack([np.ones_like(along), along])
    return values - line @ np.linalg.lstsq(line, values, rcond=None)[0]
