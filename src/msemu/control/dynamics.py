"""The equation of motion of many bodies, read from the engine and reduced to the independent degrees of freedom."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Protocol

import mujoco
import numpy as np
import torch
import warp as wp
from mujoco.batch import Batch

from msemu.control.contact_points import ContactPoints, Contacts
from msemu.control.independent_dofs import IndependentDofs
from msemu.control.mass_matrix import MassMatrix, MassReader
from msemu.control.solver.arrays import as_array
from msemu.models.body import Body
from msemu.sim.batch import view
from msemu.sim.moment_arms import ArmReader, MomentArms, tendon_arms

wp.set_module_options({"enable_backward": False})


@wp.kernel(enable_backward=False)
def _multiply_symmetric(
    row_in: wp.array(dtype=wp.int64),
    column_in: wp.array(dtype=wp.int64),
    lower_in: wp.array2d(dtype=wp.float64),
    vector_in: wp.array2d(dtype=wp.float64),
    product_out: wp.array2d(dtype=wp.float64),
):
    """Multiply symmetric matrices, given by entries of their lower triangles, and vectors; the product is zero."""
    worldid = wp.tid()
    lower, vector, product = lower_in[worldid], vector_in[worldid], product_out[worldid]
    for index in range(row_in.shape[0]):
        row, column = row_in[index], column_in[index]
        product[row] += lower[index] * vector[column]
        if column != row:
            product[column] += lower[index] * vector[row]


@dataclass
class DynamicsState:
    """What the equation of motion ``required_force = R^T F + sum J^T f`` of E bodies holds at one instant.

    Attributes:
        required_force: Generalized force that muscles and contacts have to give for the wanted acceleration, beside
            forces that are applied from outside [N m, N at translations], shape [E, D].
        mass_matrix: Mass matrix.
        arms: Moment arms of the muscles that are not always zero.
        muscle_length: Muscle-tendon length [m], shape [E, M].
        muscle_velocity: Muscle-tendon lengthening speed [m/s], shape [E, M].
        contacts: Candidate contact points.
    """

    required_force: torch.Tensor
    mass_matrix: MassMatrix
    arms: MomentArms
    muscle_length: torch.Tensor
    muscle_velocity: torch.Tensor
    contacts: Contacts

    @property
    def mass(self) -> torch.Tensor:
        """The mass matrix with its zeros, shape [E, D, D]."""
        return self.mass_matrix.dense

    @cached_property
    def moment_arms(self) -> torch.Tensor:
        """Change of each muscle's length per unit of each degree of freedom [m or 1], shape [E, M, D]."""
        return self.arms.dense()


class EngineReading(Protocol):
    """What is read of the CPU engine, such as of a `msemu.sim.CpuSimulation`."""

    root_force: torch.Tensor
    muscle_length: torch.Tensor
    muscle_velocity: torch.Tensor

    def field(self, name: str) -> torch.Tensor:
        """Return the engine's array of one of MuJoCo's names."""

    def arm_reader(self, owner: np.ndarray) -> ArmReader:
        """Return what reads moment arms; ``owner`` tells on what each degree of freedom hangs, shape [nv]."""


class EngineDynamics:
    """Reads the `DynamicsState` of E bodies off the memory of the CPU engine, in double precision.

    Attributes:
        dofs: The independent degrees of freedom.
        points: The candidate contact points.
        gravity: Acceleration of gravity [m/s^2], shape [3].
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
        self._arms = engine.arm_reader(self.dofs.owner.numpy())
        self.gravity = torch.from_numpy(model.opt.gravity)
        self._mass = MassReader(model, self.dofs.owner, len(self.dofs))

    def pattern(self) -> torch.Tensor:
        """Return which entries of the matrix of `TorqueBalance` can be different from zero, bool, shape [D, N]."""
        return torch.cat((self._arms.pattern().mT, self.points.pattern()), 1)

    def mass_pattern(self) -> torch.Tensor:
        """Return which entries of the mass matrix can be different from zero, bool, shape [D, D]."""
        return self._mass.coupled()

    def read_contacts(self) -> Contacts:
        """Read the candidate contact points at the engine's present state."""
        return self.points.read(
            self._field("geom_xpos"),
            self._field("geom_xmat"),
            self._field("cdof"),
            self.read_center_of_mass(),
            self.dofs.slopes(self._field("qpos")),
            self.read_velocity(),
        )

    def read_mass(self) -> MassMatrix:
        """Read the mass matrix at the engine's present state."""
        return self._mass.read(self._field("M"), self.dofs.slopes(self._field("qpos")))

    def read_root_position(self) -> torch.Tensor:
        """Read the position of the root [m], shape [E, 3]."""
        return self._field("qpos")[:, :3].clone()

    def read_velocity(self) -> torch.Tensor:
        """Read the velocities of the independent degrees of freedom [m/s, rad/s], shape [E, D]."""
        return self._field("qvel")[:, self.dofs.index]

    def read_center_of_mass(self) -> torch.Tensor:
        """Read the center of mass of the body [m], shape [E, 3]."""
        return self._field("subtree_com")[:, 1]

    def center_acceleration(self, state: DynamicsState) -> torch.Tensor:
        """Return the acceleration of the center of mass in a state, of what is wanted there [m/s^2], shape [E, 3].

        The root's forces are those from outside, which give the whole body its momentum and carry its weight.
        """
        force = state.required_force[:, :3] + self._engine.root_force[:, :3]
        return force / state.mass[:, :1, 0] + self.gravity

    def read_present(
        self,
        acceleration: torch.Tensor,
        ahead_s: float = 0.0,
        contacts: Contacts | None = None,
        mass: MassMatrix | None = None,
    ) -> DynamicsState:
        """Read the equation of motion at the engine's present state, whose velocity stage has been computed.

        The muscles follow the wanted acceleration of the independent degrees of freedom, shape [E, D], for ``ahead_s``
        until their lengths and speeds are taken. ``contacts`` come from `read_contacts` and ``mass`` from `read_mass`,
        where they have been read already.
        """
        qpos, qvel = self._field("qpos"), self._field("qvel")
        slopes = self.dofs.slopes(qpos)
        full = self.dofs.expand(acceleration.to(qpos.dtype), slopes) + self.dofs.acceleration_bias(qpos, qvel)
        force = self._mass_times(full) + self._field("qfrc_bias") - self._field("qfrc_passive")
        force[:, :6] -= self._engine.root_force
        arms = self._arms.read(slopes)
        velocity = self._engine.muscle_velocity
        later_velocity = velocity + ahead_s * arms.speed(acceleration.to(qpos.dtype))
        return DynamicsState(
            required_force=self.dofs.reduce(force, slopes),
            mass_matrix=self._mass.read(self._field("M"), slopes) if mass is None else mass,
            arms=arms,
            muscle_length=self._engine.muscle_length + 0.5 * ahead_s * (velocity + later_velocity),
            muscle_velocity=later_velocity,
            contacts=self.read_contacts() if contacts is None else contacts,
        )

    def _mass_times(self, acceleration: torch.Tensor) -> torch.Tensor:
        product = torch.zeros_like(acceleration)
        wp.launch(
            _multiply_symmetric,
            dim=len(product),
            inputs=[*map(as_array, (self._mass.row, self._mass.column, self._field("M"), acceleration))],
            outputs=[as_array(product)],
            device="cpu",
        )
        return product


class _StillBodies:
    """`EngineReading` of bodies that are put into states and never stepped."""

    def __init__(self, model: mujoco.MjModel, num_states: int, num_threads: int):
        self._model = model
        self._batch = Batch(model, num_states, num_threads, persistent=True)
        self.compute()
        self.root_force = self.field("qfrc_applied")[:, :6]
        self.muscle_length, self.muscle_velocity = self.field("actuator_length"), self.field("actuator_velocity")

    def compute(self) -> None:
        """Compute the position and velocity stages."""
        self._batch.forward(stage=mujoco.mjtStage.mjSTAGE_VEL)

    def field(self, name: str) -> torch.Tensor:
        return view(self._batch, name)

    def arm_reader(self, owner: np.ndarray) -> ArmReader:
        return tendon_arms(self._model, self.field, owner)


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
