"""What the policy sees, in groups: three, and a fourth for a network that asks for it.

Everything spatial is given in the heading frame: at the pelvis, turned with it about the vertical. The policy therefore
acts alike wherever the body stands and whichever way it faces.

``proprioception``
    pelvis height, tilt and velocities; joint angles and velocities; landmarks; contact forces (in body weights)
``muscle``
    fiber length and velocity (over the optimal length), force (over the greatest isometric force), activation
``reference``
    pelvis pose, joint angles and landmarks of the reference now and at the future frames; phase
``fiber``
    length and velocity of the fibers, strain of the tendons; where tendons stretch, the path does not tell them
"""

import math

import torch

from msemu.motion import rotation
from msemu.motion.kinematics import Kinematics

VELOCITY_SCALE = 0.1
"""Joint velocities [rad/s] are multiplied by this to be of order one."""
STRAIN_SCALE = 20.0
"""Tendon strains, 0.05 at the greatest isometric force, are multiplied by this to be of order one."""


def proprioception(state: Kinematics, contact_force: torch.Tensor) -> torch.Tensor:
    """Sense of the body's own pose and motion.

    Args:
        state: The body, leading shape [N].
        contact_force: Net force on each contact region [body weights], world frame, shape [N, R, 3].
    """
    to_heading = rotation.conjugate(rotation.heading(state.root_quaternion))
    vectors = torch.cat(
        (
            state.root_linear_velocity.unsqueeze(1),
            VELOCITY_SCALE * state.root_angular_velocity.unsqueeze(1),
            state.landmark_position - state.root_position.unsqueeze(1),
            contact_force,
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


def muscle(length: torch.Tensor, velocity: torch.Tensor, force: torch.Tensor, activation: torch.Tensor) -> torch.Tensor:
    """Sense of the muscles: spindles, tendon organs and activation, each [N, M] and of order one."""
    return torch.cat((length - 1.0, VELOCITY_SCALE * velocity, force, activation), dim=1)


def fiber(state: torch.Tensor) -> torch.Tensor:
    """Sense of the fibers, each of order one.

    Args:
        state: Fiber length [L0], fiber velocity [vmax] and tendon strain [-], shape [N, 3, M].
    """
    length, velocity, strain = state.unbind(1)
    return torch.cat((length - 1.0, velocity, STRAIN_SCALE * strain), dim=1)


def reference(state: Kinematics, frames: Kinematics, phase: torch.Tensor) -> torch.Tensor:
    """The reference as seen from the body.

    Args:
        state: The body, leading shape [N].
        frames: Reference at the present and at future frames, leading shape [N, F].
        phase: Position within the clip in [0, 1), shape [N].
    """
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
