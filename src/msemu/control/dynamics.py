"""The equation of motion of many bodies, read from the engine and reduced to the independent degrees of freedom."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Protocol

import mujoco
import numpy as np
import torch
from mujoco.batch import Batch

from msemu.control.contact_points import ContactPoints, Contacts
from msemu.control.independent_dofs import IndependentDofs
from msemu.models.body import Body
from msemu.muscle.paths.parts import ancestor_dofs
from msemu.sim.batch import view
from msemu.sim.cpu import moment_pattern


@dataclass
class DynamicsState:
    """What the equation of motion ``required_force = R^T F + sum J^T f`` of E bodies holds at one instant.

    Attributes:
        required_force: Generalized force that muscles and contacts have to give for the wanted acceleration, beside
            forces that are applied from outside [N m, N at translations], shape [E, D].
        mass: Mass matrix ``G^T M G`` [kg, kg m or kg m^2], shape [E, D, D].
        moment_arms: Change of each muscle's length per unit of each degree of freedom [m or 1], shape [E, M, D].
        muscle_length: Muscle-tendon length [m], shape [E, M].
        muscle_velocity: Muscle-tendon lengthening speed [m/s], shape [E, M].
        contacts: Candidate contact points.
    """

    required_force: torch.Tensor
    mass: torch.Tensor
    moment_arms: torch.Tensor
    muscle_length: torch.Tensor
    muscle_velocity: torch.Tensor
    contacts: Contacts


class EngineReading(Protocol):
    """What is read of the CPU engine, such as of a `msemu.sim.CpuSimulation`."""

    root_force: torch.Tensor
    muscle_length: torch.Tensor
    muscle_velocity: torch.Tensor

    def field(self, name: str) -> torch.Tensor:
        """Return the engine's array of one of MuJoCo's names."""

    def moment_pattern(self) -> tuple[np.ndarray, np.ndarray]:
        """Return muscle and degree of freedom of each of `sparse_moment_arms`."""

    def sparse_moment_arms(self) -> torch.Tensor:
        """Return the moment arms that are not always zero."""


class EngineDynamics:
    """Reads the `DynamicsState` of E bodies off the memory of the CPU engine, in double precision.

    Attributes:
        dofs: The independent degrees of freedom.
        points: The candidate contact points.
    """

    def __init__(self, body: Body, engine: EngineReading, contact_regions: Sequence[str]):
        """Learn where the ``engine`` keeps what; its position and velocity stages have been computed.

        ``body`` is what it simulates: a lean one, see `Body.lean`, or the whole. The contact of ``contact_regions``
        with the floor counts.
        """
        model = body.model
        self.dofs = IndependentDofs(body)
        self.points = ContactPoints(body, contact_regions, self.dofs)
        self._engine, self._field = engine, cache(engine.field)
        self._num_muscles = body.num_muscles
        row, column = engine.moment_pattern()
        # The rows of tendons hold all ancestors of the path's bodies; those that move all of it keep its length.
        counts = _changes_length(model)[row, column] if body.paths is None else np.ones(len(row), bool)
        self._moment_entry = torch.from_numpy(np.flatnonzero(counts))
        # The mass matrix is kept as its lower triangle, in sparse rows of constant pattern.
        self._moment_column = torch.from_numpy(column).long()[self._moment_entry]
        owner = self.dofs.owner[self._moment_column]
        self._moment_place = torch.from_numpy(row)[self._moment_entry] * len(self.dofs) + owner
        self._mass_row = torch.from_numpy(np.repeat(np.arange(model.nv), model.M_rownnz))
        self._mass_column = torch.from_numpy(model.M_colind.astype(np.int64))
        self._off_diagonal = torch.nonzero(self._mass_row != self._mass_column).squeeze(1)
        rows, columns = self.dofs.owner[self._mass_row], self.dofs.owner[self._mass_column]
        self._mass_place = rows * len(self.dofs) + columns
        self._mirrored_place = (columns * len(self.dofs) + rows)[self._off_diagonal]

    def pattern(self) -> torch.Tensor:
        """Return which entries of the matrix of `TorqueBalance` can be different from zero, bool, shape [D, N]."""
        muscles = torch.zeros(self._num_muscles * len(self.dofs), dtype=torch.bool)
        muscles[self._moment_place] = True
        return torch.cat((muscles.unflatten(0, (self._num_muscles, len(self.dofs))).mT, self.points.pattern()), 1)

    def mass_pattern(self) -> torch.Tensor:
        """Return which entries of the mass matrix can be different from zero, bool, shape [D, D]."""
        count = len(self.dofs)
        coupled = torch.zeros(count * count, dtype=torch.bool)
        coupled[self._mass_place] = coupled[self._mirrored_place] = True
        return coupled.unflatten(0, (count, count))

    def read_contacts(self) -> Contacts:
        """Read the candidate contact points at the engine's present state."""
        return self.points.read(
            self._field("geom_xpos"),
            self._field("geom_xmat"),
            self._field("cdof"),
            self._field("subtree_com")[:, 1],
            self.dofs.slopes(self._field("qpos")),
            self._field("qvel")[:, self.dofs.index],
        )

    def read_present(
        self, acceleration: torch.Tensor, ahead_s: float = 0.0, contacts: Contacts | None = None
    ) -> DynamicsState:
        """Read the equation of motion at the engine's present state, whose velocity stage has been computed.

        The muscles follow the wanted acceleration of the independent degrees of freedom, shape [E, D], for ``ahead_s``
        until their lengths and speeds are taken. ``contacts`` come from `read_contacts`, where they have been read
        already.
        """
        qpos, qvel = self._field("qpos"), self._field("qvel")
        slopes = self.dofs.slopes(qpos)
        full = self.dofs.expand(acceleration.to(qpos.dtype), slopes) + self.dofs.acceleration_bias(qpos, qvel)
        force = self._mass_times(full) + self._field("qfrc_bias") - self._field("qfrc_passive")
        force[:, :6] -= self._engine.root_force
        moment_arms = self._moment_arms(slopes)
        velocity = self._engine.muscle_velocity
        later_velocity = velocity + ahead_s * (moment_arms @ acceleration.to(qpos.dtype).unsqueeze(-1)).squeeze(-1)
        return DynamicsState(
            required_force=self.dofs.reduce(force, slopes),
            mass=self._mass(slopes),
            moment_arms=moment_arms,
            muscle_length=self._engine.muscle_length + 0.5 * ahead_s * (velocity + later_velocity),
            muscle_velocity=later_velocity,
            contacts=self.read_contacts() if contacts is None else contacts,
        )

    def _mass(self, slopes: torch.Tensor) -> torch.Tensor:
        entries = self._field("M") * slopes[:, self._mass_row] * slopes[:, self._mass_column]
        count = len(self.dofs)
        mass = entries.new_zeros(len(entries), count * count).index_add_(1, self._mass_place, entries)
        mass.index_add_(1, self._mirrored_place, entries[:, self._off_diagonal])
        return mass.unflatten(1, (count, count))

    def _mass_times(self, acceleration: torch.Tensor) -> torch.Tensor:
        mass, off = self._field("M"), self._off_diagonal
        product = torch.zeros_like(acceleration)
        product.index_add_(1, self._mass_row, mass * acceleration[:, self._mass_column])
        return product.index_add_(1, self._mass_column[off], mass[:, off] * acceleration[:, self._mass_row[off]])

    def _moment_arms(self, slopes: torch.Tensor) -> torch.Tensor:
        values = self._engine.sparse_moment_arms()
        if len(self._moment_entry) < values.shape[1]:
            values = values.index_select(1, self._moment_entry)
        values = values * slopes.index_select(1, self._moment_column)
        arms = values.new_zeros(len(values), self._num_muscles * len(self.dofs))
        return arms.index_add_(1, self._moment_place, values).unflatten(1, (self._num_muscles, len(self.dofs)))


def _changes_length(model: mujoco.MjModel) -> np.ndarray:
    """Return which degrees of freedom move some but not all bodies that a muscle's path runs over, bool, [M, nv]."""
    changes = np.zeros((model.nu, model.nv), dtype=bool)
    body_of_kind = {
        int(mujoco.mjtWrap.mjWRAP_SITE): model.site_bodyid,
        int(mujoco.mjtWrap.mjWRAP_SPHERE): model.geom_bodyid,
        int(mujoco.mjtWrap.mjWRAP_CYLINDER): model.geom_bodyid,
    }
    for muscle, tendon in enumerate(model.actuator_trnid[:, 0]):
        path = slice(model.tendon_adr[tendon], model.tendon_adr[tendon] + model.tendon_num[tendon])
        points = zip(model.wrap_type[path].tolist(), model.wrap_objid[path].tolist(), strict=True)
        bodies = {body_of_kind[kind][index] for kind, index in points if kind in body_of_kind}
        moves = np.array([ancestor_dofs(model, body) for body in bodies], dtype=bool)
        changes[muscle] = moves.any(axis=0) & ~moves.all(axis=0)
    return changes


class _StillBodies:
    """`EngineReading` of bodies that are put into states and never stepped."""

    def __init__(self, model: mujoco.MjModel, num_states: int, num_threads: int):
        self._num_muscles = model.nu
        self._batch = Batch(model, num_states, num_threads, persistent=True)
        self.compute()
        self.root_force = self.field("qfrc_applied")[:, :6]
        self.muscle_length, self.muscle_velocity = self.field("actuator_length"), self.field("actuator_velocity")

    def compute(self) -> None:
        """Compute the position and velocity stages."""
        self._batch.forward(stage=mujoco.mjtStage.mjSTAGE_VEL)

    def field(self, name: str) -> torch.Tensor:
        return view(self._batch, name)

    def moment_pattern(self) -> tuple[np.ndarray, np.ndarray]:
        return moment_pattern(self._num_muscles, self.field)

    def sparse_moment_arms(self) -> torch.Tensor:
        return self.field("actuator_moment")


class DynamicsReader(EngineDynamics):
    """`EngineDynamics` with simulations of its own, which are put into given states and never stepped."""

    def __init__(self, body: Body, num_states: int, contact_regions: Sequence[str], num_threads: int = 0):
        """Allocate the engine's memory for E states that are read together; ``num_threads`` of 0 uses every core."""
        self._bodies = _StillBodies(body.model, num_states, num_threads)
        super().__init__(body, self._bodies, contact_regions)

    def read(self, qpos: torch.Tensor, qvel: torch.Tensor, acceleration: torch.Tensor) -> DynamicsState:
        """Compute everything at a state, shapes [E, nq] and [E, nv], couplings fulfilled.

        The acceleration is that wanted of the independent degrees of freedom, shape [E, D].
        """
        self._field("qpos").copy_(qpos)
        self._field("qvel").copy_(qvel)
        self._bodies.compute()
        return self.read_present(acceleration)
