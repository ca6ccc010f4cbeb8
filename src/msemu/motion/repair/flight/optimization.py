"""The path closest to a given one along which a flight phase is a free flight.

The change of the path is a cubic spline over time in the body's independent coordinates, zero with its first two
derivatives at both ends of a window around the flight, unless the clip ends there. Damped Gauss-Newton steps
(Levenberg-Marquardt) make the center of mass follow a parabola and keep the angular momentum about it constant, while
landmarks and joints stay close to where they were and what touches the floor stays where it touches.
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.interpolate import BSpline
from scipy.linalg import cho_factor, cho_solve

from msemu.models.body import Body
from msemu.motion.flight import GRAVITY, LEAST_ANGULAR_MOMENTUM
from msemu.motion.repair.frame import Anchor, FlightFrame, FrameCosts

_KNOT_FRAMES = 2
"""Distance of the spline's knots [frames]."""

_ACCELERATION = 0.1
"""Error of the acceleration of the center of mass that counts as one [m/s^2]."""

_ANGULAR_MOMENTUM = 0.001
"""Change of the angular momentum from frame to frame that counts as one, as a share of the mean."""

_BEND = (0.1, 0.05)
"""Second difference of the change between frames that counts as one [rad or m]: where the laws of flight do not hold in
the end, the steps have stuck, and a stiffer change is tried."""

_SPEED = (27.0, 0.01)
"""Speed of a joint that is not exceeded [rad/s], and the excess that counts as one [rad between frames]."""

_SOFTNESS = (300.0, 100.0, 30.0, 10.0, 5.0, 3.0, 2.0, 1.5)
"""By how much the laws of free flight count less; they are enforced by stages, because they are nonlinear."""

_HOLDS = (0.095, 0.045)
"""Missing force [body weights] and drift of the angular momentum [share of its mean] up to which the laws hold: a
little less than what `msemu.analysis.plausibility.check` calls an error."""

_STAGE_ENDS = 0.003
"""A stage ends when a step lowers its cost by less than this share."""

_MOST_STEPS = 16
"""Largest number of steps in a stage."""

_MOST_DAMPING = 1e6


@dataclass(frozen=True)
class _Problem:
    """A window and what its frames shall stay close to."""

    anchors: list[Anchor]
    first: int
    last: int
    momentum_scale: float
    basis: np.ndarray
    bending: np.ndarray


class FlightOptimization:
    """Makes the flight within a window of frames ballistic."""

    def __init__(self, body: Body, joints: np.ndarray, pace: np.ndarray, fps: float) -> None:
        """Take the body, the joints that may change, their largest speeds over the fastest, and the rate [Hz]."""
        self._frame = FlightFrame(body, joints, fps, FrameCosts())
        self._least_momentum = LEAST_ANGULAR_MOMENTUM * body.mass
        self._rate = fps**2
        self._joints, self._longest_move = 7 + joints, _SPEED[0] * pace / fps

    def solve(self, window: np.ndarray, first: int, last: int, joined: tuple[bool, bool] = (True, True)) -> np.ndarray:
        """Return the changed window: poses of the flight and of the frames before and after it, shape [F, nq].

        ``first`` and ``last`` are its frames without contact; ``joined`` says whether the path goes on before and after
        the window: its pose may not change there.
        """
        for bend in _BEND:
            problem = self._pose_problem(window, max(first, 1), min(last, len(window) - 2), joined, bend)
            path = self._descended(problem, window)
            if self._laws_hold(problem, path):
                break
        return path

    def _descended(self, problem: _Problem, window: np.ndarray) -> np.ndarray:
        path, coefficients = window, np.zeros((problem.basis.shape[1], self._frame.num_coordinates))
        damping = 1e-4
        for softness in _SOFTNESS:
            cost = self._cost(problem, path, coefficients, softness)
            for _ in range(_MOST_STEPS):
                before = cost
                normal, gradient = self._normal_equations(problem, path, coefficients, softness)
                while damping < _MOST_DAMPING:
                    damped = normal + damping * np.diag(np.diag(normal))
                    step = -cho_solve(cho_factor(damped), gradient).reshape(coefficients.shape)
                    moved = self._moved(path, problem.basis @ step)
                    cost = self._cost(problem, moved, coefficients + step, softness)
                    if cost < before:
                        break
                    damping *= 10.0
                else:
                    damping, cost = 1.0, before
                    break
                path, coefficients, damping = moved, coefficients + step, max(0.1 * damping, 1e-6)
                if cost > (1.0 - _STAGE_ENDS) * before:
                    break
        return path

    def _pose_problem(
        self, window: np.ndarray, first: int, last: int, joined: tuple[bool, bool], bend: float
    ) -> _Problem:
        momenta = [self._frame.angular_momentum(window[at - 1 : at + 2]) for at in range(first, last + 1)]
        basis = _splines(len(window), joined)
        curvature = np.diff(basis, n=2, axis=0) / bend
        return _Problem(
            anchors=[self._frame.anchor(*poses) for poses in zip(window, [*window[1:], window[-1]], strict=True)],
            first=first,
            last=last,
            momentum_scale=max(float(np.linalg.norm(np.mean(momenta, axis=0))), self._least_momentum),
            basis=basis,
            bending=curvature.T @ curvature,
        )

    def _moved(self, path: np.ndarray, change: np.ndarray) -> np.ndarray:
        return np.stack([self._frame.moved(pose, delta) for pose, delta in zip(path, change, strict=True)])

    def _cost(self, problem: _Problem, path: np.ndarray, coefficients: np.ndarray, softness: float) -> float:
        """Return the sum of the squared errors."""
        close = [self._frame.closeness(pose, anchor)[0] for pose, anchor in zip(path, problem.anchors, strict=True)]
        flight = self._flight_errors(problem, path) / softness
        bending = float((coefficients * (problem.bending @ coefficients)).sum())
        speed = float((self._speed_errors(path) ** 2).sum())
        return sum(float(errors @ errors) for errors in close) + float(flight @ flight) + bending + speed

    def _normal_equations(
        self, problem: _Problem, path: np.ndarray, coefficients: np.ndarray, softness: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return matrix and right-hand side of a Gauss-Newton step in the coefficients of the splines."""
        count = self._frame.num_coordinates
        spread = sparse.kron(sparse.csr_matrix(problem.basis), sparse.identity(count), format="csr")
        frames = zip(path, problem.anchors, strict=True)
        errors, rows = zip(*(self._frame.closeness(*frame) for frame in frames), strict=True)
        close = sparse.block_diag(rows, format="csr") @ spread
        flight = self._flight_rows(problem, path) @ spread / softness
        normal = (close.T @ close).toarray() + flight.T @ flight + np.kron(problem.bending, np.eye(count))
        gradient = close.T @ np.concatenate(errors) + flight.T @ self._flight_errors(problem, path) / softness
        gradient += (problem.bending @ coefficients).ravel()
        self._add_speed(problem, path, normal, gradient)
        return normal, gradient

    def _speed_errors(self, path: np.ndarray) -> np.ndarray:
        """Return by how much the joints move too far between frames, weighted, shape [F - 1, J]."""
        moves = np.diff(path[:, self._joints], axis=0)
        return (moves - np.clip(moves, -self._longest_move, self._longest_move)) / _SPEED[1]

    def _add_speed(self, problem: _Problem, path: np.ndarray, normal: np.ndarray, gradient: np.ndarray) -> None:
        """Add what the joints that move too fast contribute to the normal equations."""
        splines, count = problem.basis.shape[1], self._frame.num_coordinates
        blocks, sides = normal.reshape(splines, count, splines, count), gradient.reshape(splines, count)
        errors, change = self._speed_errors(path), np.diff(problem.basis, axis=0) / _SPEED[1]
        for joint in np.flatnonzero(errors.any(axis=0)):
            fast = np.flatnonzero(errors[:, joint])
            blocks[:, 6 + joint, :, 6 + joint] += change[fast].T @ change[fast]
            sides[:, 6 + joint] += change[fast].T @ errors[fast, joint]

    def _laws_hold(self, problem: _Problem, path: np.ndarray) -> bool:
        """Whether the missing force and the drift are small enough, in the frames whose neighbors are in flight."""
        acceleration, momentum = self._motion(problem, path)
        missing = np.linalg.norm(acceleration[1:-1] - GRAVITY, axis=1) / np.linalg.norm(GRAVITY)
        mean = momentum[1:-1].mean(axis=0)
        drift = np.linalg.norm(momentum[1:-1] - mean, axis=1) / max(np.linalg.norm(mean), self._least_momentum)
        return missing.max(initial=0.0) < _HOLDS[0] and drift.max(initial=0.0) < _HOLDS[1]

    def _flight_errors(self, problem: _Problem, path: np.ndarray) -> np.ndarray:
        """Return how far the flight is from the laws of free flight, weighted, shape [R]."""
        acceleration, momentum = self._motion(problem, path)
        change = np.diff(momentum, axis=0) / problem.momentum_scale
        return np.concatenate([(acceleration - GRAVITY).ravel() / _ACCELERATION, change.ravel() / _ANGULAR_MOMENTUM])

    def _motion(self, problem: _Problem, path: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return acceleration of the center of mass [m/s^2] and angular momentum [kg m^2/s], shapes [N, 3]."""
        frames = range(problem.first - 1, problem.last + 2)
        center = np.stack([self._frame.center_of_mass(path[at])[0] for at in frames])
        momentum = np.stack([self._frame.angular_momentum(path[at - 1 : at + 2]) for at in frames[1:-1]])
        return self._rate * np.diff(center, n=2, axis=0), momentum

    def _flight_rows(self, problem: _Problem, path: np.ndarray) -> np.ndarray:
        """Return the derivative of `_flight_errors` by the coordinates of all frames, shape [R, F D]."""
        frames = range(problem.first, problem.last + 1)
        count = self._frame.num_coordinates
        center = {at: self._frame.center_of_mass(path[at])[1] for at in range(problem.first - 1, problem.last + 2)}
        acceleration = np.zeros((len(frames), 3, len(path), count))
        momentum = np.zeros((len(frames), 3, len(path), count))
        for row, at in enumerate(frames):
            for offset, factor in ((-1, 1.0), (0, -2.0), (1, 1.0)):
                acceleration[row, :, at + offset] = factor * self._rate * center[at + offset]
            derivative = self._frame.angular_momentum_derivative(path[at - 1 : at + 2])
            momentum[row, :, at - 1 : at + 2] = derivative.transpose(1, 0, 2)
        change = np.diff(momentum, axis=0) / problem.momentum_scale
        return np.concatenate([acceleration / _ACCELERATION, change / _ANGULAR_MOMENTUM]).reshape(-1, len(path) * count)


def _splines(frames: int, joined: tuple[bool, bool]) -> np.ndarray:
    """Return the cubic B-splines that vanish where the path goes on, one column each, shape [F, K]."""
    intervals = max((frames - 1) // _KNOT_FRAMES, 4)
    beyond = [0 if goes_on else 3 for goes_on in joined]
    knots = np.arange(-beyond[0], intervals + beyond[1] + 1) * ((frames - 1) / intervals)
    columns = [
        BSpline.basis_element(knots[start : start + 5], extrapolate=False)(np.arange(frames))
        for start in range(len(knots) - 4)
    ]
    return np.nan_to_num(np.stack(columns, axis=1))
