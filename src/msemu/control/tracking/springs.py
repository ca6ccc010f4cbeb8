"""The accelerations that bring a body back to its reference."""

import math
from dataclasses import dataclass, replace

import torch

from msemu.control.mass_matrix import MassMatrix
from msemu.motion import rotation
from msemu.schema import SpringCfg


def pull(spring: SpringCfg, error: torch.Tensor, velocity_error: torch.Tensor) -> torch.Tensor:
    """Return the acceleration of a spring, in the unit of the error over s^2."""
    rate = 2.0 * math.pi * spring.natural_frequency_hz
    return rate**2 * error + 2.0 * spring.damping_ratio * rate * velocity_error


def within_reach(acceleration: torch.Tensor, capacity: torch.Tensor, mass: MassMatrix, reach: float) -> torch.Tensor:
    """Bound accelerations by ``reach`` times what the capacity of each degree of freedom gives to what it moves.

    Args:
        acceleration: Accelerations [m/s^2, rad/s^2], shape [E, D].
        capacity: Greatest generalized force of each degree of freedom [N or N m], shape [D].
        mass: Mass matrices of D degrees of freedom.
        reach: Factor [-]; 0 leaves them as they are.
    """
    if not reach:
        return acceleration
    greatest = reach * capacity / mass.dense.diagonal(dim1=1, dim2=2)
    return acceleration.clamp(-greatest, greatest)


def bounded(vectors: torch.Tensor, length: float) -> torch.Tensor:
    """Shorten the vectors along the last dimension that are longer than ``length``."""
    size = vectors.norm(dim=-1, keepdim=True)
    return torch.where(size > length, vectors * (length / size), vectors)


@dataclass(frozen=True)
class RootDeviation:
    """From the root of E bodies to that of their references.

    Attributes:
        position: Offset in world axes [m], shape [E, 3].
        linear_velocity: Offset of the velocity in world axes [m/s], shape [E, 3].
        rotation: Rotation vector in the body's axes [rad], shape [E, 3].
        angular_velocity: Offset of the angular velocity in the body's axes [rad/s], shape [E, 3].
        quaternion: Rotation from the reference's axes to the body's (w, x, y, z), shape [E, 4].
    """

    position: torch.Tensor
    linear_velocity: torch.Tensor
    rotation: torch.Tensor
    angular_velocity: torch.Tensor
    quaternion: torch.Tensor

    @classmethod
    def between(
        cls, qpos: torch.Tensor, qvel: torch.Tensor, reference_qpos: torch.Tensor, reference_qvel: torch.Tensor
    ) -> "RootDeviation":
        """Compare states whose first entries are a free joint; shapes [E, nq] and [E, nv]."""
        turn = rotation.multiply(rotation.conjugate(qpos[:, 3:7]), reference_qpos[:, 3:7])
        turn = turn * torch.where(turn[:, :1] < 0.0, -1.0, 1.0)
        sine = turn[:, 1:].norm(dim=1, keepdim=True)
        angle = 2.0 * torch.atan2(sine, turn[:, :1])
        return cls(
            position=reference_qpos[:, :3] - qpos[:, :3],
            linear_velocity=reference_qvel[:, :3] - qvel[:, :3],
            rotation=turn[:, 1:] * (angle / sine.clamp(min=1e-9)),
            angular_velocity=rotation.rotate(turn, reference_qvel[:, 3:6]) - qvel[:, 3:6],
            quaternion=turn,
        )

    def moved(self, change: torch.Tensor) -> "RootDeviation":
        """Return the deviation from references moved by places [m] and rotation vectors [rad], shape [E, 6 or more]."""
        return replace(self, position=self.position + change[:, :3], rotation=self.rotation + change[:, 3:6])
