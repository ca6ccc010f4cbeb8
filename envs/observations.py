"""Observation terms: what the policy sees; each term is a group that a network may ask for.

Everything spatial is given in the heading frame: at the pelvis, turned with it about the vertical. The policy therefore
acts alike wherever the body stands and whichever way it faces.

``proprioception``
    pelvis height, tilt and velocities; joint angles and velocities; landmarks; contact forces (in body weights)
``muscle``
    fiber length and velocity, its tendon taken as rigid (over the optimal length), force (over the greatest isometric
    force), activation
``reference``
    pelvis pose, joint angles and landmarks of the reference now and at future frames; phase
``fiber``
    length and velocity of the fibers, strain of the tendons; where tendons stretch, the path does not tell them
``preference``
    which of the activations that make a movement the muscles prefer, for one policy of many preferences
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

import torch

from msemu.envs.action.space import Scene
from msemu.envs.readings import Readings
from msemu.envs.terms import NoOptions, Term, Terms
from msemu.errors import MsemuError
from msemu.motion import rotation
from msemu.motion.kinematics import Kinematics
from msemu.schema import ObservationTermCfg
from msemu.schema.ranges import Range

VELOCITY_SCALE = 0.1
"""Joint velocities [rad/s] are multiplied by this to be of order one."""
STRAIN_SCALE = 20.0
"""Tendon strains, 0.05 at the greatest isometric force, are multiplied by this to be of order one."""


def proprioception(now: Readings) -> torch.Tensor:
    """Sense of the body's own pose and motion."""
    state = now.state
    to_heading = rotation.conjugate(rotation.heading(state.root_quaternion))
    vectors = torch.cat(
        (
            state.root_linear_velocity.unsqueeze(1),
            VELOCITY_SCALE * state.root_angular_velocity.unsqueeze(1),
            state.landmark_position - state.root_position.unsqueeze(1),
            now.contact_force,
        ),
        dim=1,
    )
    return torch.cat(
        (
            state.root_position[:, 2:],
            rotation.tangent_normal(rotation.multiply(to_heading, state.root_quaternion)),
            state.joint_position,
            VELOCITY_SCALE * state.joint_velocity,
            rotation.rotate(to_heading.unsqueeze(1), vectors).flatten(1),
        ),
        dim=1,
    )


def muscle(now: Readings) -> torch.Tensor:
    """Sense of the muscles: spindles, tendon organs and activation, each of order one."""
    m = now.muscles
    velocity = VELOCITY_SCALE * m.rigid_fiber_velocity
    return torch.cat((m.rigid_fiber_length - 1.0, velocity, m.force, m.activation), dim=1)


def fiber(now: Readings) -> torch.Tensor:
    """Sense of the fibers, each of order one."""
    m = now.muscles
    return torch.cat((m.fiber_length - 1.0, m.fiber_velocity, STRAIN_SCALE * m.tendon_strain), dim=1)


@dataclass(frozen=True)
class ReferenceOptions:
    """How far ahead the reference is seen."""

    future_frames: tuple[Annotated[int, Range(-1_000_000, 1_000_000)], ...] = (1, 5, 15)
    """Frames ahead of the present one, in control steps."""


class Reference(Term):
    """The reference now and at some future frames, as seen from the body, and the phase."""

    Options = ReferenceOptions

    def __init__(self, options: ReferenceOptions, scene: Scene):
        self._motion = scene.reference
        self._ahead = torch.tensor((0, *options.future_frames), device=scene.sim.device)

    def __call__(self, now: Readings) -> torch.Tensor:  # noqa: D102
        frames = self._motion.kinematics(now.frame.unsqueeze(1) + self._ahead)
        return reference_from(now.state, frames, self._motion.phase(now.frame))


def reference_from(state: Kinematics, frames: Kinematics, phase: torch.Tensor) -> torch.Tensor:
    """Return the reference now and at future frames, leading shape [N, F], and its phase [N], seen from bodies [N]."""
    to_heading = rotation.conjugate(rotation.heading(state.root_quaternion)).unsqueeze(1)
    offset = frames.root_position - state.root_position.unsqueeze(1)
    landmarks = frames.landmark_position - frames.root_position.unsqueeze(2)
    vectors = torch.cat((offset, landmarks.flatten(1, 2)), dim=1)
    turned = rotation.multiply(to_heading, frames.root_quaternion)
    angle = 2.0 * math.pi * phase.unsqueeze(1)
    return torch.cat(
        (
            rotation.rotate(to_heading, vectors).flatten(1),
            rotation.tangent_normal(turned).flatten(1),
            (frames.joint_position - state.joint_position.unsqueeze(1)).flatten(1),
            torch.sin(angle),
            torch.cos(angle),
        ),
        dim=1,
    )


class Preference(Term):
    """What the muscles prefer, in few numbers; see `msemu.envs.action.preferring.Preferring.code`."""

    def __init__(self, options: NoOptions, scene: Scene):
        preferring = getattr(scene.action_space, "preferring", None)
        if preferring is None:
            raise MsemuError("the observation term preference is for the action space 'joint', whose muscles prefer")
        self._code, self._device = preferring.code, scene.sim.device

    def __call__(self, now: Readings) -> torch.Tensor:  # noqa: D102
        return self._code().to(self._device)[now.rows]

    def reset(self, mask: torch.Tensor) -> None:
        """Nothing: the action space draws anew."""


TERMS = {
    "proprioception": proprioception,
    "muscle": muscle,
    "reference": Reference,
    "fiber": fiber,
    "preference": Preference,
}


class Observations(Terms):
    """The configured groups.

    A body that has blown up must not poison the policy: its numbers are zero until it is reset.
    """

    kind = "observation"
    expected = "float32 of shape [num_envs, numbers], always as many numbers"

    def __init__(self, cfgs: dict[str, ObservationTermCfg], scene: Scene):
        super().__init__("env.observations", TERMS, cfgs, scene)
        self._scales = {name: cfg.scale for name, cfg in cfgs.items()}
        self._memoryless = [name for name in self.names if name not in self._remembering]
        self._widths: dict[str, int] = {}

    def __call__(self, now: Readings) -> dict[str, torch.Tensor]:
        """Every group, shape [N, ...]."""
        return self.memoryless(now) | self.remembered(now)

    def memoryless(self, now: Readings) -> dict[str, torch.Tensor]:
        """Return the groups that follow from the readings alone, of whichever environments these are."""
        return self._values(self._memoryless, now)

    def remembered(self, now: Readings) -> dict[str, torch.Tensor]:
        """Return the groups that depend on what their terms remember."""
        return self._values(self._remembering, now)

    def _values(self, names: Iterable[str], now: Readings) -> dict[str, torch.Tensor]:
        groups, finite = dict[str, torch.Tensor](), now.finite.unsqueeze(1)
        for name in names:
            groups[name] = self._finite(name, self._ask(name, now), now)
        groups |= {name: self._scales[name] * groups[name] for name in groups if self._scales[name] != 1.0}
        return {name: torch.where(finite, values, 0.0) for name, values in groups.items()}

    def _fits(self, name: str, value: torch.Tensor, num_envs: int) -> bool:
        if value.dim() != 2 or value.dtype != torch.float32:
            return False
        width = self._widths.setdefault(name, value.shape[1])
        return value.shape == (num_envs, width) and width > 0
