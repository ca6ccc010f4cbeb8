"""The timing of a flight: how long free fall takes along the path of a clip.

A recorded flight that was edited or slowed down hangs in the air for longer than its height allows. A smooth change
of speed along the path brings hang time and height into agreement, so that the poses need not.
"""

import numpy as np
from scipy.interpolate import CubicSpline, PchipInterpolator
from scipy.optimize import least_squares

from msemu.models.body import Body
from msemu.motion.flight import GRAVITY, momentum_path
from msemu.motion.smoothing import continuous_quaternions

TOLERATED_M = 0.02
"""Mean distance of the height of the centre of mass from free fall, up to which the timing is left alone [m]."""

_KNOTS = 7
_HEIGHT_M = 0.008
_MOMENTUM_SHARE = 0.15
_LOG_SPEED = 0.4
_WHOLE_FRAMES = 1e-3
"""Errors that count as one: height [m], angular momentum [share of its mean], logarithm of the speed, and the
difference of the duration from a whole number of frames [frames]."""

_DURATIONS = np.arange(0.75, 1.3, 0.04)
"""Durations of the window that are tried, as a share of the present one."""


def height_disagreement(height: np.ndarray, fps: float) -> float:
    """Return the mean distance from the parabola of free fall between the first and the last height [m].

    Args:
        height: Height of the centre of mass from the last frame with contact before the flight to the first one
            after it [m], shape [F].
        fps: Frame rate [Hz].
    """
    time = np.arange(len(height)) / fps
    chord = height[0] + (height[-1] - height[0]) * time / time[-1]
    return float(np.abs(height - chord + 0.5 * GRAVITY[2] * time * (time[-1] - time)).mean())


def retime(body: Body, window: np.ndarray, first: int, last: int, fps: float) -> np.ndarray:
    """Return where each frame of the retimed window lies in the given one [frames], increasing, shape [G].

    Args:
        body: The body.
        window: Poses of the flight with the frames before and after it, shape [F, nq].
        first: First frame without contact.
        last: Last frame without contact.
        fps: Frame rate [Hz].
    """
    centre, momentum = momentum_path(body, window, fps)
    momentum = np.concatenate([momentum[:1], momentum, momentum[-1:]])
    frames = len(window)
    airborne = slice(first, last + 1)
    knots = np.linspace(0.0, frames - 1, _KNOTS)

    def speed(values: np.ndarray) -> np.ndarray:
        """Return new frames over old ones, inverted, at the old frames; 1 at both ends of the window."""
        ends = np.concatenate([[0.0], values, [0.0]])
        return np.exp(CubicSpline(knots, ends, bc_type="clamped")(np.arange(frames)))

    def instants(values: np.ndarray) -> np.ndarray:
        slowness = 1.0 / speed(values)
        return np.concatenate([[0.0], np.cumsum(0.5 * (slowness[1:] + slowness[:-1]))])

    def errors(values: np.ndarray, duration: int) -> np.ndarray:
        at = instants(values)
        time = at[airborne] / fps
        ballistic = centre[airborne, 2] - 0.5 * GRAVITY[2] * time**2
        height = ballistic - np.polyval(np.polyfit(time, ballistic, 1), time)
        moving = momentum[airborne] * speed(values)[airborne, None]
        mean = moving.mean(axis=0)
        drift = (moving - mean) / max(np.linalg.norm(mean), 1e-6)
        return np.concatenate(
            [
                height / _HEIGHT_M,
                drift.ravel() / _MOMENTUM_SHARE,
                values / _LOG_SPEED,
                [(at[-1] - duration) / _WHOLE_FRAMES],
            ]
        )

    durations = np.unique(np.round(_DURATIONS * (frames - 1)).astype(int))
    found = [least_squares(errors, np.zeros(_KNOTS - 2), args=(duration,)) for duration in durations]
    best = int(np.argmin([fit.cost for fit in found]))
    at = instants(found[best].x)
    at *= durations[best] / at[-1]
    return PchipInterpolator(at, np.arange(frames))(np.arange(durations[best] + 1))


def resample_path(body: Body, path: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Return the poses of a path between its frames, by cubic splines, shape [G, nq].

    Args:
        body: The body.
        path: Poses, shape [F, nq].
        at: Where to sample [frames], shape [G].
    """
    continuous = path.copy()
    continuous[:, 3:7] = continuous_quaternions(path[:, 3:7])
    sampled = CubicSpline(np.arange(len(path)), continuous)(at)
    sampled[:, 3:7] /= np.linalg.norm(sampled[:, 3:7], axis=1, keepdims=True)
    return body.couplings.project(sampled)
