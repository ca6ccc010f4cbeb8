"""How far a body is from its reference, in degrees and centimeters.

These are the figures that msemu reports everywhere: while training, in the evaluation and in the viewer.
"""

import math

import torch

from msemu.motion import rotation
from msemu.motion.kinematics import Kinematics

_DEGREES = 180.0 / math.pi
_CENTIMETERS = 100.0


def joint_angle_error_deg(state: Kinematics, reference: Kinematics) -> torch.Tensor:
    """Absolute error of each independent joint [deg], shape [..., J]."""
    return (state.joint_position - reference.joint_position).abs() * _DEGREES


def root_rotation_error_deg(state: Kinematics, reference: Kinematics) -> torch.Tensor:
    """Angle between the pelvis and its reference [deg], shape [...]."""
    return rotation.angle_between(state.root_quaternion, reference.root_quaternion) * _DEGREES


def body_position_error_cm(state: Kinematics, reference: Kinematics) -> torch.Tensor:
    """Distance of each landmark from its reference, both relative to the pelvis in world axes [cm], shape [..., L]."""
    return landmark_offset(state, reference).norm(dim=-1) * _CENTIMETERS


def root_translation_error_cm(state: Kinematics, reference: Kinematics) -> torch.Tensor:
    """Distance of the pelvis from its reference [cm], shape [...]."""
    return (state.root_position - reference.root_position).norm(dim=-1) * _CENTIMETERS


def landmark_offset(state: Kinematics, reference: Kinematics) -> torch.Tensor:
    """Difference of the pelvis-relative landmark positions [m], shape [..., L, 3]."""
    relative = state.landmark_position - state.root_position.unsqueeze(-2)
    wanted = reference.landmark_position - reference.root_position.unsqueeze(-2)
    return relative - wanted


def summary(state: Kinematics, reference: Kinematics) -> dict[str, torch.Tensor]:
    """Return the four errors by name, averaged over joints and landmarks, each of shape [...]."""
    return {
        "joint_angle_deg": joint_angle_error_deg(state, reference).mean(-1),
        "root_rotation_deg": root_rotation_error_deg(state, reference),
        "body_position_cm": body_position_error_cm(state, reference).mean(-1),
        "root_translation_cm": root_translation_error_cm(state, reference),
    }
