"""Moment arms of muscle paths, on request."""

import mujoco
import numpy as np
import warp as wp

from msemu.muscle.paths.dynamics import PathDynamics
from msemu.muscle.paths.parts import ancestor_dofs


class PathArms:
    """Moment arms of M paths about D degrees of freedom, on each of which some of the engine's hang.

    What hangs on one moves with it, as fast as the slopes say. A straight piece of a path feels how its end moves
    against its start; the pieces over the same joints share that motion.

    Attributes:
        muscle: Muscle of each of the A moment arms that are not always zero, ascending, shape [A].
        dof: Its degree of freedom, shape [A].
    """

    def __init__(self, dynamics: PathDynamics, model: mujoco.MjModel, owner: np.ndarray):
        """Prepare the tables for ``model``; ``owner`` tells on what each degree of freedom hangs, shape [nv]."""
        self._dynamics = dynamics
        muscle, start, end = dynamics.pieces
        moves = np.array([ancestor_dofs(model, body) for body in range(model.nbody)]).astype(int)
        felt, parts = _motions(moves[end] - moves[start], owner)
        self._num_motions = len(np.unique(parts[:, 0]))
        line, dof, motion = felt[np.lexsort((felt[:, 1], muscle[felt[:, 0]]))].T
        pairs, first = np.unique(muscle[line] * len(owner) + dof, return_index=True)
        self.muscle, self.dof = np.divmod(pairs, len(owner))
        first_part = np.searchsorted(parts[:, 0], np.arange(self._num_motions + 1))
        self._motion_tables = [*map(dynamics.ints, (first_part, parts[:, 1])), dynamics.reals(parts[:, 2])]
        first_arm = np.searchsorted(self.muscle, np.arange(dynamics.num_muscles + 1))
        self._arm_tables = [*map(dynamics.ints, (first_arm, np.append(first, len(line)), line, motion))]

    def read(self, axis: wp.array, slopes: wp.array, lines: wp.array) -> wp.array:
        """Return the moment arms [m or 1] of N environments, shape [N, A].

        ``axis`` is that of `msemu.muscle.paths.dynamics.EngineArrays`, the lines [N, L] are those that were measured
        last. Slopes are speeds of degrees of freedom over that of the one that they hang on, shape [N, nv].
        """
        launch, rows = self._dynamics.launch, len(lines)
        motions = wp.empty((rows, self._num_motions), dtype=lines.dtype, device=lines.device)
        arms = wp.empty((rows, len(self.muscle)), dtype=slopes.dtype, device=lines.device)
        wp.launch(**launch("combine", self._num_motions, lines, [*self._motion_tables, axis, slopes], [motions]))
        wp.launch(
            **launch("moment_arms", self._dynamics.num_muscles, lines, [*self._arm_tables, lines, motions], [arms])
        )
        return arms


def _motions(change: np.ndarray, owner: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find the motions that pieces feel: ``change`` [L, nv] is 1 where a degree of freedom moves the end alone, or -1.

    Returns:
        Rows (piece, degree of freedom that is an owner, motion) of what is felt, and rows (motion, degree of freedom
        that takes part, sign), ascending.
    """
    felt, parts, number = [], [], 0
    for dof in np.unique(owner):
        hanging = np.flatnonzero(owner == dof)
        lines = np.flatnonzero(change[:, hanging].any(axis=1))
        kinds, kind = np.unique(change[np.ix_(lines, hanging)], axis=0, return_inverse=True)
        felt.append(np.column_stack([lines, np.full(len(lines), dof), number + kind]))
        row, place = np.nonzero(kinds)
        parts.append(np.column_stack([number + row, hanging[place], kinds[row, place]]))
        number += len(kinds)
    return np.concatenate(felt), np.concatenate(parts)
