"""The best step from a path when poses are linear in the step: squares, cones of friction, limits and speeds of joints.

The problem is convex. Its inequalities are what stops Gauss-Newton steps, and no kinematics is needed to solve it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from msemu.motion.repair.banded import NormalEquations
from msemu.motion.repair.stance.cone import ConeDistance, cone_distance

_MISSING = 0.01
"""Missing force that counts as one, a moment at `LEVER_M` [body weights]."""

_EXCESS = (0.001, 0.01)
"""What counts as one beyond a limit of a joint, and beyond the way that it may go between frames [rad or m]."""

_MOST_STEPS = 12
"""Largest number of Newton steps."""

_SOLVED = 0.01
"""Newton steps end when the next one would lower the cost by less than this share of what was gained."""

_LEAST_LENGTH = 1e-3
"""Share of a Newton step that is tried at least."""


@dataclass(frozen=True)
class Stage:
    """How strict the laws are.

    Attributes:
        softness: By how much their errors count less.
        barrier: Weight of the barrier that keeps forces inside their cones.
    """

    softness: float
    barrier: float


@dataclass
class StepProblem:
    """The cost of a step of T frames of D coordinates, J of them joints, the root first; K wrenches of E edges.

    Attributes:
        stage: How strict the laws are.
        equations: The part of the cost that is a sum of squares.
        wrench: Wrenches, shape [K, 6].
        edges: Edges of the cones, shape [K, E, 6].
        exists: Which edges there are, shape [K, E].
        around: The five frames on which each wrench depends, shape [K, 5]; in a cycle beyond its ends as well.
        angles: Joint angles [rad or m], shape [T, J].
        excess: How far joints are beyond their limits at some angles [rad or m].
        longest_move: How far a joint may go between frames [rad or m], shape [J].
        cyclic: Whether the first frame follows the last.
        rows: How the wrenches change with those frames, shape [K, 6, 5 D].
    """

    stage: Stage
    equations: NormalEquations
    wrench: np.ndarray
    edges: np.ndarray
    exists: np.ndarray
    around: np.ndarray
    angles: np.ndarray
    excess: Callable[[np.ndarray], np.ndarray]
    longest_move: np.ndarray
    cyclic: bool
    rows: np.ndarray = field(default_factory=lambda: np.zeros(0))

    def solve(self, damping: float) -> np.ndarray:
        """Return the best step, shape [T, D]; damping keeps it short."""
        squares = self.equations.damped(damping)
        step = np.zeros_like(squares.gradient)
        start = cost = self.value(step)
        for _ in range(_MOST_STEPS):
            equations = self._equations(squares, step)
            direction = equations.step()
            length, before = 1.0, cost
            while length > _LEAST_LENGTH:
                moved = step + length * direction
                cost = squares.value(moved) + self.value(moved)
                if cost < before:
                    break
                length *= 0.5
            else:
                break
            step = moved
            if before - cost < _SOLVED * (start - cost):
                break
        return step

    def value(self, step: np.ndarray) -> float:
        """Return the part of the cost that is no sum of squares."""
        laws = float(self.distance(step).value.sum()) / self.stage.softness**2
        return laws + sum(float((errors**2).sum()) for errors in self._bounds(step))

    def distance(self, step: np.ndarray | None = None) -> ConeDistance:
        """Return how far the wrenches are from what the floor gives."""
        wrench = self.wrench
        if step is not None and len(self.rows):
            wrench = wrench + np.einsum("kij,kj->ki", self.rows, self._parts(step))
        return cone_distance(wrench, self.edges, self.exists, _MISSING, self.stage.barrier)

    def _parts(self, step: np.ndarray) -> np.ndarray:
        return step[self.around % len(step)].reshape(len(self.around), 5 * step.shape[1])

    def _bounds(self, step: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return by how much the joints are beyond their limits and move too far, weighted, shape [T, J] each."""
        angles = self.angles + step[:, 6:]
        after = np.roll(angles, -1, axis=0) if self.cyclic else np.concatenate([angles[1:], angles[-1:]])
        moves = after - angles
        too_far = moves - np.clip(moves, -self.longest_move, self.longest_move)
        return self.excess(angles) / _EXCESS[0], too_far / _EXCESS[1]

    def _equations(self, squares: NormalEquations, step: np.ndarray) -> NormalEquations:
        """Return the normal equations of a Newton step."""
        equations, found = squares.at(step), self.distance(step)
        curvature, slope = (part / self.stage.softness**2 for part in (found.curvature, found.slope))
        for around, rows, bent, inclined in zip(self.around, self.rows, curvature, slope, strict=True):
            equations.add(around, rows.T @ bent @ rows, rows.T @ inclined)
        beyond, too_far = self._bounds(step)
        for frame in np.flatnonzero((beyond != 0.0).any(axis=1)):
            unit = _diagonal(beyond[frame] != 0.0, 1.0 / _EXCESS[0])
            equations.add(np.array([frame]), unit @ unit, unit @ _of_joints(beyond[frame]))
        for frame in np.flatnonzero((too_far != 0.0).any(axis=1)):
            unit = _diagonal(too_far[frame] != 0.0, 1.0 / _EXCESS[1])
            rows = np.hstack([-unit, unit])
            equations.add(np.array([frame, frame + 1]), rows.T @ rows, rows.T @ _of_joints(too_far[frame]))
        return equations


def _of_joints(values: np.ndarray) -> np.ndarray:
    """Return what joints have as what all coordinates have, shape [D]."""
    return np.concatenate([np.zeros(6), values])


def _diagonal(chosen: np.ndarray, value: float) -> np.ndarray:
    return np.diag(value * _of_joints(chosen.astype(float)))
