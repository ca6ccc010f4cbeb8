"""Moment arms of muscles that are not always zero."""

from collections.abc import Callable
from dataclasses import dataclass

import mujoco
import numpy as np
import torch

from msemu.muscle.paths.parts import ancestor_dofs


@dataclass(frozen=True)
class MomentArms:
    """Change of the length of each of M muscles per unit of each of D degrees of freedom, in E bodies.

    Attributes:
        values: The A moment arms that are not always zero [m or 1], shape [E, A].
        muscle: Muscle of each, ascending, shape [A].
        dof: Its degree of freedom, shape [A].
        shape: M and D.
    """

    values: torch.Tensor
    muscle: torch.Tensor
    dof: torch.Tensor
    shape: tuple[int, int]

    def dense(self) -> torch.Tensor:
        """Return all of them, shape [E, M, D]."""
        dense = self.values.new_zeros(len(self.values), *self.shape)
        dense[:, self.muscle, self.dof] = self.values
        return dense

    def at(self, place: torch.Tensor) -> torch.Tensor:
        """Return some that are not always zero, by their places in a flat [M * D], shape [E, P]."""
        return self.values.index_select(1, torch.searchsorted(self.muscle * self.shape[1] + self.dof, place))

    def speed(self, velocity: torch.Tensor) -> torch.Tensor:
        """Return what velocities, shape [E, D], give the muscles [m/s], shape [E, M]."""
        return self._summed(self.values * velocity.index_select(1, self.dof), self.muscle, self.shape[0])

    def generalized_force(self, force: torch.Tensor) -> torch.Tensor:
        """Return what forces that lengthen the muscles [N], shape [E, M], do to the joints [N m or N], shape [E, D]."""
        return self._summed(self.values * force.index_select(1, self.muscle), self.dof, self.shape[1])

    @staticmethod
    def _summed(terms: torch.Tensor, place: torch.Tensor, count: int) -> torch.Tensor:
        return terms.new_zeros(len(terms), count).index_add_(1, place, terms)


class ArmReader:
    """Reads the `MomentArms` of a simulation about degrees of freedom on which those of the model hang."""

    def __init__(
        self,
        muscle: np.ndarray,
        dof: np.ndarray,
        shape: tuple[int, int],
        values: Callable[[torch.Tensor], torch.Tensor],
    ):
        """Keep where each arm belongs, see `MomentArms`; ``values`` makes the arms of slopes, see `read`."""
        self._muscle, self._dof = torch.from_numpy(muscle), torch.from_numpy(dof)
        self._shape, self._values = shape, values

    def pattern(self) -> torch.Tensor:
        """Return which moment arms are not always zero, bool, shape [M, D]."""
        pattern = torch.zeros(self._shape, dtype=torch.bool)
        pattern[self._muscle, self._dof] = True
        return pattern

    def read(self, slopes: torch.Tensor) -> MomentArms:
        """Read the present ones: ``slopes`` are speeds over that of the one that each hangs on, shape [E, nv]."""
        return MomentArms(self._values(slopes), self._muscle, self._dof, self._shape)


def tendon_arms(model: mujoco.MjModel, field: Callable[[str], torch.Tensor], owner: np.ndarray) -> ArmReader:
    """Read them off the engine's tendons; ``owner`` tells on what each degree of freedom hangs, shape [nv]."""
    muscle = np.repeat(np.arange(model.nu), field("moment_rownnz")[0].numpy())
    dof = field("moment_colind")[0, : len(muscle)].numpy()
    # The rows of tendons hold all ancestors of the path's bodies; those that move all of it keep its length.
    kept = np.flatnonzero(_changes_length(model)[muscle, dof])
    shape = model.nu, int(owner.max()) + 1
    places, place = np.unique(muscle[kept] * shape[1] + owner[dof[kept]], return_inverse=True)
    entry, column, target = map(torch.from_numpy, (kept, dof[kept].astype(int), place))

    def values(slopes: torch.Tensor) -> torch.Tensor:
        terms = field("actuator_moment").index_select(1, entry) * slopes.index_select(1, column)
        return terms.new_zeros(len(terms), len(places)).index_add_(1, target, terms)

    return ArmReader(*np.divmod(places, shape[1]), shape, values)


def _changes_length(model: mujoco.MjModel) -> np.ndarray:
    """Return which degrees of freedom move some but not all bodies that a muscle's path runs over, bool, [M, nv].

    A muscle on anything but sites and surfaces may feel all of them.
    """
    changes = np.ones((model.nu, model.nv), dtype=bool)
    body_of_kind = {
        int(mujoco.mjtWrap.mjWRAP_SITE): model.site_bodyid,
        int(mujoco.mjtWrap.mjWRAP_SPHERE): model.geom_bodyid,
        int(mujoco.mjtWrap.mjWRAP_CYLINDER): model.geom_bodyid,
    }
    for muscle in np.flatnonzero(model.actuator_trntype == mujoco.mjtTrn.mjTRN_TENDON):
        tendon = model.actuator_trnid[muscle, 0]
        path = slice(model.tendon_adr[tendon], model.tendon_adr[tendon] + model.tendon_num[tendon])
        points = zip(model.wrap_type[path].tolist(), model.wrap_objid[path].tolist(), strict=True)
        bodies = {body_of_kind[kind][index] for kind, index in points if kind in body_of_kind}
        moves = np.array([ancestor_dofs(model, body) for body in bodies], dtype=bool)
        if len(bodies):
            changes[muscle] = moves.any(axis=0) & ~moves.all(axis=0)
    return changes
