"""A movement with all that acts on it, whether a policy, a simulation or static optimization gave it."""

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import torch

from msemu.analysis.mechanics.ground_reaction import GroundReaction
from msemu.control.independent_dofs import ROOT_DOFS, IndependentDofs
from msemu.control.inverse_dynamics import Movement
from msemu.control.static_optimization import StaticOptimization
from msemu.models.body import Body
from msemu.models.muscle_paths import muscle_lengths
from msemu.motion.clip import MotionClip
from msemu.motion.smoothing import velocities
from msemu.muscle.parameters import MuscleParameters


@dataclass(frozen=True)
class MusclesInMotion:
    """What M muscles do over T frames.

    Attributes:
        excitation: What drives them, 0 to 1 [-]; the activation where it is not known, shape [T, M].
        activation: Activation [-], shape [T, M].
        force: Pull along the path, active and passive [N], shape [T, M].
        fiber_length: Length of the fibers [L0], shape [T, M].
        fiber_velocity: Their lengthening speed [m/s], shape [T, M].
        tendon_strain: Strain of the tendons, zero where they are rigid [-], shape [T, M].
        power: Power on the skeleton [W], positive when they shorten, shape [T, M].
    """

    excitation: np.ndarray
    activation: np.ndarray
    force: np.ndarray
    fiber_length: np.ndarray
    fiber_velocity: np.ndarray
    tendon_strain: np.ndarray
    power: np.ndarray


@dataclass(frozen=True)
class MechanicalMovement:
    """A body in T frames with its D independent degrees of freedom, the first six of them the root.

    Attributes:
        body: The body.
        title: What it is.
        fps: Frames per second [Hz].
        qpos: Pose, shape [T, nq].
        qvel: Velocity, shape [T, nv].
        qacc: Acceleration, shape [T, nv].
        muscles: What the muscles do.
        parameters: What they are.
        ground: What the floor does.
        dof_names: Names of the degrees of freedom.
        required: Generalized force that muscles, floor and limits give together [N m or N], shape [T, D].
        muscle_moment: What the muscles give [N m or N], shape [T, D].
        ground_moment: What the floor gives [N m or N], shape [T, D].
        episode_start: True in the first frame of each episode, shape [T].
        cyclic: Whether the first frame follows the last.
        reference_qpos: Pose that was to be followed, shape [T, nq]; None without one.
        provenance: What it is from, by name.
    """

    body: Body
    title: str
    fps: float
    qpos: np.ndarray
    qvel: np.ndarray
    qacc: np.ndarray
    muscles: MusclesInMotion
    parameters: MuscleParameters
    ground: GroundReaction
    dof_names: tuple[str, ...]
    required: np.ndarray
    muscle_moment: np.ndarray
    ground_moment: np.ndarray
    episode_start: np.ndarray
    cyclic: bool = False
    reference_qpos: np.ndarray | None = None
    provenance: dict[str, str] = field(default_factory=dict)

    @property
    def num_frames(self) -> int:
        """Number of frames T."""
        return len(self.qpos)

    @property
    def time(self) -> np.ndarray:
        """Time since the first frame [s], shape [T]."""
        return np.arange(self.num_frames) / self.fps

    @property
    def reference_qvel(self) -> np.ndarray | None:
        """Velocity of what was to be followed, central differences within each episode, shape [T, nv]."""
        if self.reference_qpos is None:
            return None
        speed = np.zeros_like(self.qvel, dtype=float)
        for begin, end in pairwise([*np.flatnonzero(self.episode_start), self.num_frames]):
            if end - begin > 1:
                speed[begin:end] = velocities(self.body, self.reference_qpos[begin:end], self.fps, None)
        return speed

    def clip(self) -> MotionClip:
        """Return the path alone."""
        body = self.body
        return MotionClip(body.name, body.joint_names, self.fps, self.qpos, self.qvel, name=self.title)

    @property
    def joint_names(self) -> tuple[str, ...]:
        """Names of the degrees of freedom that are joints."""
        return self.dof_names[ROOT_DOFS:]

    @property
    def joint_moment(self) -> np.ndarray:
        """Net moment about each joint, all but the floor's: muscles and limits [N m or N], shape [T, J]."""
        return (self.required - self.ground_moment)[:, ROOT_DOFS:]

    @property
    def joint_power(self) -> np.ndarray:
        """Power of `joint_moment` [W], positive when it drives the movement, shape [T, J]."""
        return self.joint_moment * self.qvel[:, self.body.independent_dofs[ROOT_DOFS:]]

    @classmethod
    def of_static_optimization(
        cls,
        body: Body,
        movement: Movement,
        found: StaticOptimization,
        parameters: MuscleParameters,
        fps: float,
        title: str,
        cyclic: bool = False,
    ) -> "MechanicalMovement":
        """Take what static optimization found along a movement; its tendons are rigid."""
        lengthening = np.einsum("tmd,td->tm", found.moment_arm, movement.qvel[:, body.independent_dofs])
        path = muscle_lengths(body.model, movement.qpos)
        muscles = MusclesInMotion(
            excitation=found.activation,
            activation=found.activation,
            force=found.muscle_force,
            fiber_length=(path - parameters.tendon_slack_length) / parameters.optimal_fiber_length,
            fiber_velocity=lengthening,
            tendon_strain=np.zeros_like(path),
            power=-found.muscle_force * lengthening,
        )
        dofs = IndependentDofs(body)
        qpos, qvel, qacc = map(torch.from_numpy, (movement.qpos, movement.qvel, movement.qacc))
        acceleration = dofs.expand(qacc[:, dofs.index], dofs.slopes(qpos)) + dofs.acceleration_bias(qpos, qvel)
        return cls(
            body=body,
            title=title,
            fps=fps,
            qpos=movement.qpos,
            qvel=movement.qvel,
            qacc=acceleration.numpy(),
            muscles=muscles,
            parameters=parameters,
            ground=GroundReaction.of_points(found.point_regions, fps, found.contact_position, found.contact_force),
            dof_names=found.dof_names,
            required=found.required_torque,
            muscle_moment=found.muscle_torque,
            ground_moment=found.contact_torque,
            episode_start=np.arange(len(movement.qpos)) == 0,
            cyclic=cyclic,
        )
