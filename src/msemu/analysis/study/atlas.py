"""Which of many solutions make the same movement, which of them are distinct, and how: the atlas."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from msemu.analysis.mechanics.energy.metabolic import MuscleMass
from msemu.analysis.solutions.measures import null_space_share
from msemu.analysis.study.course import Courses
from msemu.analysis.study.loads import JointLoads

BASE = "base"
"""Name of the solution that others are compared with: the first."""


@dataclass(frozen=True)
class Tolerances:
    """What makes the movement the same.

    Attributes:
        angle_deg: Mean joint error beyond the base's own [deg].
        ground_bw: Difference of the mean ground force from the base's, root mean square over cycle and feet [BW].
        survival: Least share of the episodes that reach their end [-].
    """

    angle_deg: float = 0.5
    ground_bw: float = 0.1
    survival: float = 0.9


@dataclass(frozen=True)
class Atlas:
    """S solutions of one movement of one body; the first one is the base.

    Attributes:
        names: What each solution prefers.
        courses: What they do.
        matrix: Torque of each muscle at full activation over the joint's capacity, in the clip's frames, [B, J, M].
        loads: What activations and ground force load the joints with in those frames.
        tolerances: What makes the movement the same.
        muscle_mass: What their metabolic power hangs on.
    """

    names: tuple[str, ...]
    courses: Courses
    matrix: np.ndarray
    loads: JointLoads
    tolerances: Tolerances
    muscle_mass: MuscleMass

    @cached_property
    def ground_difference(self) -> np.ndarray:
        """Distance of the mean ground force from the base's [body weights], shape [S]."""
        ground = self.courses.ground_bw
        return np.sqrt(np.square(ground - ground[0]).sum(-1).mean((1, 2)))

    @cached_property
    def angle_difference(self) -> np.ndarray:
        """Distance of the mean joint angles from the base's [deg], shape [S]."""
        angle = self.courses.angle_deg
        return np.sqrt(np.square(angle - angle[0]).mean((1, 2)))

    @cached_property
    def seen(self) -> np.ndarray:
        """Whether a solution was there in every frame of the clip, bool, shape [S]."""
        return np.isfinite(self.courses.activation).all((1, 2))

    @cached_property
    def reasons(self) -> tuple[str, ...]:
        """Why each solution is not of the same movement; empty where it is."""
        found = []
        for place in range(len(self.names)):
            far = self.courses.error_deg[place] > self.courses.error_deg[0] + self.tolerances.angle_deg
            checks = {
                "falls": not (self.courses.survived[place] >= self.tolerances.survival and self.seen[place]),
                "kinematics": bool(far or not np.isfinite(self.courses.error_deg[place])),
                "ground force": not self.ground_difference[place] <= self.tolerances.ground_bw,
            }
            found.append(", ".join(name for name, fails in checks.items() if fails))
        return tuple(found)

    @cached_property
    def kept(self) -> np.ndarray:
        """Numbers of the solutions that make the movement, in their order."""
        return np.array([place for place, reason in enumerate(self.reasons) if not reason], dtype=int)

    @cached_property
    def spread(self) -> np.ndarray:
        """Distance of two cycles of one solution, root mean square over muscles and cycle [-], shape [S]."""
        return np.sqrt(2.0 * self.courses.activation_variance)

    @cached_property
    def distances(self) -> np.ndarray:
        """Distance of the kept solutions' mean activations, root mean square over muscles and cycle [-], [K, K]."""
        return pairwise(self.courses.activation[self.kept])

    @cached_property
    def distinct(self) -> np.ndarray:
        """Numbers of kept solutions that are further from each other than two cycles of either are.

        They are taken in order, so the base comes first where it is kept.
        """
        chosen: list[int] = []
        for row in range(len(self.kept)):
            limits = np.maximum(self.spread[self.kept[row]], self.spread[self.kept[chosen]])
            if (self.distances[row, chosen] > limits).all():
                chosen.append(row)
        return self.kept[chosen]

    def null_share(self, place: int) -> float:
        """Return the share of a solution's difference from the base that the joint torques do not show, over bins."""
        difference = self.courses.activation[place] - self.courses.activation[0]
        size = np.square(difference).sum(1)
        shares = [null_space_share(each, matrix) for each, matrix in zip(difference, self.matrix, strict=True)]
        return float(np.average(shares, weights=size)) if size.sum() > 0.0 else float("nan")

    def peaks(self, place: int) -> np.ndarray:
        """Return the greatest reaction in each joint over the clip [body weights], shape [K]."""
        return self.loads.reaction_bw(self.courses.activation[place], self.courses.ground_bw[place]).max(0)

    def stiffness(self, place: int) -> np.ndarray:
        """Return the stiffness that muscles give each joint [N m/rad], mean over the clip, shape [J]."""
        return self.loads.stiffness(self.courses.activation[place]).mean(0)

    def map(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the kept solutions in the plane of their first two principal components, [K, 2], and the variances."""
        points = self.courses.activation[self.kept].reshape(len(self.kept), self.courses.activation[0].size)
        if not len(points):
            return np.zeros((0, 2)), np.zeros(2)
        centered = points - points.mean(0)
        _, size, axes = np.linalg.svd(centered, full_matrices=False)
        shares = np.square(size) / max(np.square(size).sum(), 1e-300)
        plane = np.zeros((len(points), 2))
        plane[:, : min(2, len(axes))] = centered @ axes[:2].T
        return plane, shares

    def specificity(self) -> np.ndarray:
        """Return how much each muscle differs between distinct solutions: standard deviation, mean over bins, [M]."""
        chosen = self.courses.activation[self.distinct]
        return chosen.std(0).mean(0) if len(chosen) else np.full(chosen.shape[2], np.nan)


def pairwise(courses: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Return root mean square distances of courses [K, B, M], weighted by [B, M], shape [K, K]."""
    squares = np.ones(courses.shape[1:]) if weights is None else np.square(weights)
    flat = (courses * np.sqrt(squares / squares.sum())).reshape(len(courses), squares.size)
    size = np.square(flat).sum(1)
    return np.sqrt(np.clip(size[:, None] + size - 2.0 * flat @ flat.T, 0.0, None))
