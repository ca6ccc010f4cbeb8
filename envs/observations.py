"""What the policy sees, in three groups.

Everything spatial is given in the heading frame: at the pelvis, turned about the vertical so that x points where the
pelvis points. The policy therefore acts alike wherever the body stands and whichever way it faces.

``proprioception``
    pelvis height, tilt and velocities; joint angles and velocities; landmarks; contact forces (in body weights)
``muscle``
    fibre length and velocity (over the optimal length), force (over the greatest isometric force), activation
``reference``
    pelvis pose, joint angles and landmarks of the reference now and at the future frames; phase
"""

import math

import torch
from tensordict import TensorDict

from msemu.motion import rotation
from msemu.motion.landmarks import Kinematics

VELOCITY_SCALE = 0.1
"""Joint velocities [rad/s] are multiplied by this to be of order one."""


def proprioception(state: Kinematics, contact_force: torch.Tensor) -> torch.Tensor:
    """Sense of the body's own pose and motion.

    Args:
        state: The body, leading shape [N].
        contact_force: Net force on each contact region [body weights], world frame, shape [N, R, 3].
    """
    heading = rotation.heading(state.root_quaternion)
    landmarks = state.landmark_position - state.root_position.unsqueeze(1)
    return torch.cat(
        (
            state.root_position[:, 2:],
            _local_tilt(heading, state.root_quaternion),
            rotation.rotate_inverse(heading, state.root_linear_velocity),
            VELOCITY_SCALE * rotation.rotate_inverse(heading, state.root_angular_velocity),
            state.joint_position,
            VELOCITY_SCALE * state.joint_velocity,
            rotation.rotate_inverse(heading.unsqueeze(1), landmarks).flatten(1),
            rotation.rotate_inverse(heading.unsqueeze(1), contact_force).flatten(1),
        ),
        dim=1,
    )


def muscle(length: torch.Tensor, velocity: torch.Tensor, force: torch.Tensor, activation: torch.Tensor) -> torch.Tensor:
    """Sense of the muscles: spindles, tendon organs and activation, each [N, M] and of order one."""
    return torch.cat((length - 1.0, VELOCITY_SCALE * velocity, force, activation), dim=1)


def reference(state: Kinematics, frames: Kinematics, phase: torch.Tensor) -> torch.Tensor:
    """The reference as seen from the body.

    Args:
        state: The body, leading shape [N].
        frames: Reference at the present and at future frames, leading shape [N, F].
        phase: Position within the clip in [0, 1), shape [N].
    """
    heading = rotation.heading(state.root_quaternion)
    inverse = rotation.conjugate(heading).unsqueeze(1)
    offset = rotation.rotate(inverse, frames.root_position - state.root_position.unsqueeze(1))
    turned = rotation.multiply(inverse.expand_as(frames.root_quaternion), frames.root_quaternion)
    landmarks = frames.landmark_position - frames.root_position.unsqueeze(2)
    angle = 2.0 * math.pi * phase.unsqueeze(1)
    return torch.cat(
        (
            offset.flatten(1),
            rotation.tangent_normal(turned).flatten(1),
            (frames.joint_position - state.joint_position.unsqueeze(1)).flatten(1),
            rotation.rotate(inverse.unsqueeze(2), landmarks).flatten(1),
            torch.sin(angle),
            torch.cos(angle),
        ),
        dim=1,
    )


def _local_tilt(heading: torch.Tensor, root: torch.Tensor) -> torch.Tensor:
    return rotation.tangent_normal(rotation.multiply(rotation.conjugate(heading), root))


def group(proprioception: torch.Tensor, muscle: torch.Tensor, reference: torch.Tensor) -> TensorDict:
    """The three groups as rsl-rl wants them."""
    return TensorDict(
        {"proprioception": proprioception, "muscle": muscle, "reference": reference},
        batch_size=[len(proprioception)],
    )
