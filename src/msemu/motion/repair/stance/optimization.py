"""The path closest to a given one that the floor can carry: all of a clip at once, stance and flight.

In every frame a force within the friction cone at each point that touches explains the accelerations of the center of
mass and of the angular momentum about it; without contact that is free fall. Damped Gauss-Newton steps
(Levenberg-Marquardt) change the poses of all frames, while landmarks and joints stay close to where they were and what
touches the floor stays where it touches and swinging feet are kept off it.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from msemu.models.body import Body
from msemu.motion.clip import MotionClip
from msemu.motion.flight import GRAVITY, LEAST_ANGULAR_MOMENTUM, Flight
from msemu.motion.repair.banded import REACH, NormalEquations
from msemu.motion.repair.frame import FlightFrame, FrameCosts, cross_matrix
from msemu.motion.repair.stance.clearance import swing_heights
from msemu.motion.repair.stance.contacts import Contacts
from msemu.motion.repair.stance.step import Stage, StepProblem
from msemu.motion.support import LEVER_M, edge_wrenches, net_wrench

FEWEST_FRAMES = 5
"""Fewer frames have no rate of the angular momentum."""

_ACCELERATION = 0.1
"""Error of the acceleration of the center of mass in flight that counts as one [m/s^2]."""

_ANGULAR_MOMENTUM = 0.001
"""Change of the angular momentum between frames of a flight that counts as one, as a share of its mean."""

_BEND = 0.005
"""Second difference of the change between frames that counts as one [rad or m]: forces are to change smoothly."""

_STILL = 1e-5
"""Change of a frame that is to stay as it is that counts as one [rad or m]."""

_SPEED_RAD_S = 27.0
"""Speed of a joint that is not exceeded."""

_STAGES = (Stage(10.0, 10.0), Stage(3.0, 1.0), Stage(1.0, 1.0))
"""The laws become stricter by stages. The barrier of the last one keeps the center of pressure off the sole's edge."""

_STAGE_ENDS = (0.02, 0.005)
"""A stage, and the last one, ends when a step lowers its cost by less than this share."""

_MOST_STEPS = 8
"""Largest number of steps in a stage."""

_DAMPING = (1e-6, 1e-4, 1e4)
"""Least damping, that at the start of a stage, and the greatest."""

_WHOLE, _PARTS = (1.0,), (1.0, 0.5, 0.25, 0.1)
"""Shares of a step that are tried before more damping: of one by the laws alone, and of one with a further cost, which
bends more."""


@dataclass(frozen=True)
class _Course:
    """The momenta along a path, and their derivatives by the coordinates where they are asked for.

    Attributes:
        center: Center of mass [m], shape [T, 3].
        momentum: Angular momentum about it [kg m^2/s], shape [T, 3]; zero at the ends of a path that is no cycle.
        center_rows: Derivative by the coordinates, shape [T, 3, D].
        momentum_rows: Derivative by those of the frame before, the frame and the one after, shape [T, 3, 3, D].
    """

    center: np.ndarray
    momentum: np.ndarray
    center_rows: np.ndarray
    momentum_rows: np.ndarray


class PathCost(Protocol):
    """What else a path of T frames costs, in D coordinates of which the root's six come first.

    Attributes:
        reach: Frames that it ties together are at most so many apart [frames].
    """

    reach: int

    def value(self, path: np.ndarray) -> float:
        """Return the cost of a path, shape [T, nq]."""

    def add_to(self, equations: NormalEquations, path: np.ndarray) -> None:
        """Add half of its slope at a path, and half of a curvature, to the equations of a step from there."""


class StanceOptimization:
    """Makes a path of T frames one that the floor can carry."""

    def __init__(
        self,
        body: Body,
        joints: np.ndarray,
        pace: np.ndarray,
        clip: MotionClip,
        flights: list[Flight],
        further: PathCost | None = None,
    ) -> None:
        """Take a clip and its flights that are free ones.

        ``joints`` may change, ``pace`` are their largest speeds over the fastest. A ``further`` cost counts beside
        everything else.
        """
        self._further, self._reach = further, max(REACH, further.reach if further else 0)
        self._body, self._fps, self._path = body, clip.fps, clip.qpos
        self._cyclic, self._displacement = clip.cyclic, clip.cycle_displacement
        self._frame = FlightFrame(body, joints, clip.fps, FrameCosts())
        self._joints, self._longest_move = 7 + joints, _SPEED_RAD_S * pace / clip.fps
        path = self._path
        flying = np.zeros(len(path), dtype=bool)
        for flight in flights:
            flying[np.arange(flight.first, flight.last + 1) % len(path)] = True
        clearance = swing_heights(body, clip)
        self._contacts = Contacts(body, path, self._cyclic, flying, clearance > 0.0)
        after = self._ringed(path)[2:]
        self._anchors = [self._frame.anchor(*each) for each in zip(path, after, clearance, strict=True)]
        inner = np.arange(len(path)) if self._cyclic else np.arange(2, len(path) - 2)
        self._held = inner[self._contacts.touching[inner].any(axis=1)]
        self._flights = [self._inside(flight) for flight in flights]
        self._smoothness = self._bend = _second_differences(len(path), self._cyclic) / _BEND

    def solve(self, still: np.ndarray) -> np.ndarray:
        """Return the changed path, shape [T, nq]; some frames stay as they are, shape [T]."""
        self._smoothness = np.vstack([self._bend, np.eye(len(self._path))[still] / _STILL])
        path = self._path
        for stage in _STAGES:
            path = self._lowered(path, stage, _STAGE_ENDS[stage is _STAGES[-1]], _MOST_STEPS, _WHOLE)
        return path

    def go_on(self, path: np.ndarray, ends: float, most_steps: int) -> np.ndarray:
        """Return a path that costs less than a given one, both of shape [T, nq], by the laws at their strictest.

        It ends when a step lowers the cost by less than a share, or after the most steps.
        """
        return self._lowered(path, _STAGES[-1], ends, most_steps, _PARTS)

    def _lowered(
        self, path: np.ndarray, stage: Stage, ends: float, most_steps: int, parts: tuple[float, ...]
    ) -> np.ndarray:
        """Return the best path that damped steps lead to; none of them makes the cost greater."""
        cost, damping = self._cost(path, stage), _DAMPING[1]
        for _ in range(most_steps):
            before, problem = cost, self._problem(path, stage)
            while damping < _DAMPING[2]:
                step = problem.solve(damping)
                trials = ((moved, self._cost(moved, stage)) for moved in (self._moved(path, p * step) for p in parts))
                moved, cost = next((trial for trial in trials if trial[1] < before), (path, before))
                if cost < before:
                    break
                damping *= 10.0
            else:
                break
            path, damping = moved, max(0.1 * damping, _DAMPING[0])
            if before - cost < ends * abs(before):
                break
        return path

    def _cost(self, path: np.ndarray, stage: Stage) -> float:
        """Return the sum of the squared errors and whatever else a path costs."""
        close = [self._frame.nearness(pose, anchor)[0] for pose, anchor in zip(path, self._anchors, strict=True)]
        course = self._course(path, with_rows=False)
        flights = sum(float((errors**2).sum()) for _, errors in self._flight_errors(course))
        bending = float(((self._smoothness @ self._change(path)) ** 2).sum())
        bounds = self._inequalities(path, course, stage).value(np.zeros((len(path), self._frame.num_coordinates)))
        further = self._further.value(path) if self._further else 0.0
        return (
            sum(float(errors @ errors) for errors in close) + flights / stage.softness**2 + bending + bounds + further
        )

    def _problem(self, path: np.ndarray, stage: Stage) -> StepProblem:
        """Return the problem of the best step from a path, its movement being linear in the step."""
        course = self._course(path, with_rows=True)
        problem = self._inequalities(path, course, stage)
        equations = problem.equations
        for frame, (pose, anchor) in enumerate(zip(path, self._anchors, strict=True)):
            errors, rows = self._frame.nearness(pose, anchor)
            equations.add(np.array([frame]), rows.T @ rows, rows.T @ errors)
        self._add_flights(equations, course, stage.softness)
        self._add_bending(equations, path)
        if self._further:
            self._further.add_to(equations, path)
        problem.rows = self._wrench_rows(path, course, problem)
        return problem

    def _inequalities(self, path: np.ndarray, course: _Course, stage: Stage) -> StepProblem:
        """Return the part of the problem that is no sum of squares: cones, limits and speeds of joints."""
        held = self._held
        center = self._around(course.center, 2)
        momentum = course.momentum[np.arange(-1, len(path) + 1) % len(path)] if self._cyclic else course.momentum[1:-1]
        wrench = net_wrench(self._body, center, momentum, self._fps)[held - (0 if self._cyclic else 2)]
        points, _ = self._contacts.points(path[held])
        edges = edge_wrenches(points - course.center[held, None], self._contacts.edges)
        edges = edges.reshape(len(held), int(np.prod(self._contacts.edges.shape[:2])), 6)
        return StepProblem(
            stage=stage,
            equations=NormalEquations(len(path), self._frame.num_coordinates, self._cyclic, self._reach),
            wrench=wrench,
            edges=edges,
            exists=np.repeat(self._contacts.touching[held], self._contacts.edges.shape[1], axis=1),
            around=held[:, None] + np.arange(-2, 3),
            angles=path[:, self._joints],
            excess=self._frame.excess,
            longest_move=self._longest_move,
            cyclic=self._cyclic,
        )

    def _wrench_rows(self, path: np.ndarray, course: _Course, problem: StepProblem) -> np.ndarray:
        """Return how the wrenches beside what the floor gives change with the frames around, shape [K, 6, 5 D]."""
        by_force = self._fps**2 / np.linalg.norm(GRAVITY)
        by_moment = 0.5 * self._fps / self._body.weight / LEVER_M
        shares = problem.distance().shares.reshape(len(self._held), *self._contacts.edges.shape[:2])
        forces = np.einsum("kpe,pei->kpi", shares, self._contacts.edges)
        _, carried = self._contacts.points(path[self._held])
        rows = np.zeros((len(self._held), 6, 5, self._frame.num_coordinates))
        for row, frame in enumerate(self._held):
            before, _, after = around = (frame + np.arange(-1, 2)) % len(path)
            rows[row, :3, 1:4] = by_force * _bent(course.center_rows[around])
            rows[row, 3:, 2:] += by_moment * course.momentum_rows[after].transpose(1, 0, 2)
            rows[row, 3:, :3] -= by_moment * course.momentum_rows[before].transpose(1, 0, 2)
            touching = self._contacts.touching[frame]
            moved = self._frame.moment_derivative(
                path[frame], self._contacts.bodies[touching], carried[row, touching], forces[row, touching]
            )
            moved += cross_matrix(forces[row].sum(axis=0)) @ course.center_rows[frame]
            rows[row, 3:, 2] -= moved / LEVER_M
        return rows.reshape(len(rows), 6, 5 * self._frame.num_coordinates)

    def _flight_errors(self, course: _Course) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return the errors of the laws of free flight, weighted, and the frame of each, falls before turns."""
        fall = (self._fps**2 * np.diff(self._around(course.center, 1), n=2, axis=0) - GRAVITY) / _ACCELERATION
        turn = np.diff(course.momentum, axis=0, append=course.momentum[:1])
        count, first = len(self._path), 0 if self._cyclic else 1
        falls = [(frames, fall[frames % count - first]) for frames, _ in self._flights]
        return falls + [(frames[:-1], turn[frames[:-1] % count] / scale) for frames, scale in self._flights]

    def _add_flights(self, equations: NormalEquations, course: _Course, softness: float) -> None:
        """Add what the laws of free flight contribute."""
        errors, count, number = self._flight_errors(course), len(self._path), len(self._flights)
        for frames, falls in errors[:number]:
            for frame, error in zip(frames, falls, strict=True):
                around = np.arange(frame - 1, frame + 2)
                rows = self._fps**2 / _ACCELERATION * _bent(course.center_rows[around % count])
                _add_rows(equations, around, rows, error, softness)
        for (frames, turns), (_, scale) in zip(errors[number:], self._flights, strict=True):
            for frame, error in zip(frames, turns, strict=True):
                rows = np.zeros((3, 4, self._frame.num_coordinates))
                rows[:, 1:] += course.momentum_rows[(frame + 1) % count].transpose(1, 0, 2) / scale
                rows[:, :3] -= course.momentum_rows[frame % count].transpose(1, 0, 2) / scale
                _add_rows(equations, np.arange(frame - 1, frame + 3), rows, error, softness)

    def _course(self, path: np.ndarray, with_rows: bool) -> _Course:
        """Return the momenta along a path."""
        frames, count = len(path), self._frame.num_coordinates if with_rows else 0
        center, momentum = np.zeros((2, frames, 3))
        course = _Course(center, momentum, np.zeros((frames, 3, count)), np.zeros((frames, 3, 3, count)))
        ring = self._ringed(path)
        for frame in range(frames):
            poses, has_neighbors = ring[frame : frame + 3], self._cyclic or 0 < frame < frames - 1
            if with_rows or not has_neighbors:
                course.center[frame], rows = self._frame.center_of_mass(poses[1])
                course.center_rows[frame] = rows[:, :count]
            if has_neighbors:
                course.center[frame], course.momentum[frame] = self._frame.momenta(poses)
            if has_neighbors and with_rows:
                course.momentum_rows[frame] = self._frame.angular_momentum_derivative(poses)
        return course

    def _change(self, path: np.ndarray) -> np.ndarray:
        return np.stack([self._frame.change(*poses) for poses in zip(path, self._path, strict=True)])

    def _add_bending(self, equations: NormalEquations, path: np.ndarray) -> None:
        """Add what the bending of the change contributes, and the change of frames that stay as they are."""
        bent, unit = self._smoothness @ self._change(path), np.eye(self._frame.num_coordinates)
        for row, value in zip(self._smoothness, bent, strict=True):
            frames = np.flatnonzero(row)
            part = row[frames]
            equations.add(frames, np.kron(np.outer(part, part), unit), np.outer(part, value).ravel())

    def _moved(self, path: np.ndarray, step: np.ndarray) -> np.ndarray:
        return np.stack([self._frame.moved(*change) for change in zip(path, step, strict=True)])

    def _ringed(self, path: np.ndarray) -> np.ndarray:
        """Return a path with the pose before and the one after it, of a path that is no cycle those at its ends."""
        frame = np.arange(-1, len(path) + 1)
        if not self._cyclic:
            return path[np.clip(frame, 0, len(path) - 1)]
        ring = path[frame % len(path)].copy()
        ring[:, :3] += (frame // len(path))[:, None] * self._displacement
        return ring

    def _around(self, center: np.ndarray, frames: int) -> np.ndarray:
        """Return where the center of mass is, in a cycle before and after it as well, shape [T + 2 frames, 3]."""
        if not self._cyclic:
            return center
        frame = np.arange(-frames, len(center) + frames)
        return center[frame % len(center)] + (frame // len(center))[:, None] * self._displacement

    def _inside(self, flight: Flight) -> tuple[np.ndarray, float]:
        """Return the frames of a flight that have neighbors, and the change of angular momentum that counts as one."""
        frames = np.arange(flight.first, flight.last + 1)
        if not self._cyclic:
            frames = frames[(frames > 0) & (frames < len(self._path) - 1)]
        ring = self._ringed(self._path)
        momenta = [self._frame.angular_momentum(ring[at : at + 3]) for at in frames % len(self._path)]
        least = LEAST_ANGULAR_MOMENTUM * self._body.mass
        return frames, _ANGULAR_MOMENTUM * max(float(np.linalg.norm(np.mean(momenta, axis=0))), least)


def _second_differences(frames: int, cyclic: bool) -> np.ndarray:
    """Return the matrix that takes second differences over frames, shape [F, T]."""
    unit = np.eye(frames)
    if cyclic:
        return np.roll(unit, 1, axis=0) - 2.0 * unit + np.roll(unit, -1, axis=0)
    return np.diff(unit, n=2, axis=0)


def _bent(rows: np.ndarray) -> np.ndarray:
    """Return the rows of the second difference of what three frames have, [3, 3, D] each, by the three, [3, 3, D]."""
    return (rows * np.array([1.0, -2.0, 1.0])[:, None, None]).transpose(1, 0, 2)


def _add_rows(
    equations: NormalEquations, frames: np.ndarray, rows: np.ndarray, errors: np.ndarray, softness: float
) -> None:
    """Add errors [E] with their derivative by the coordinates of N frames, shape [E, N, D]."""
    rows = rows.reshape(len(errors), -1) / softness
    equations.add(frames, rows.T @ rows, rows.T @ errors / softness)
