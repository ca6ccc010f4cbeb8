"""The movement of a body's landmarks and joints, alike for a simulated body and for a reference."""

from dataclasses import dataclass

import numpy as np
import torch

from msemu.models.anatomy.landmarks import LANDMARKS
from msemu.models.body import Body
from msemu.motion import rotation

ROOT = LANDMARKS.index("pelvis")
"""The landmark whose pose is called the root."""


@dataclass
class Kinematics:
    """Pose and velocity of a body, over any leading dimensions [...]; world frame, single precision.

    Attributes:
        joint_position: Independent joints [rad or m], shape [..., J].
        joint_velocity: Their velocities [rad/s or m/s], shape [..., J].
        landmark_position: Landmarks [m], shape [..., L, 3]; landmark `ROOT` is the pelvis.
        root_quaternion: Orientation of the pelvis (w, x, y, z), shape [..., 4].
        root_linear_velocity: Velocity of the pelvis landmark [m/s], shape [..., 3].
        root_angular_velocity: Angular velocity of the pelvis [rad/s], world axes, shape [..., 3].
    """

    joint_position: torch.Tensor
    joint_velocity: torch.Tensor
    landmark_position: torch.Tensor
    root_quaternion: torch.Tensor
    root_linear_velocity: torch.Tensor
    root_angular_velocity: torch.Tensor

    @property
    def root_position(self) -> torch.Tensor:
        """Position of the pelvis landmark [m], shape [..., 3]."""
        return self.landmark_position[..., ROOT, :]

    def __getitem__(self, index: torch.Tensor | slice | tuple) -> "Kinematics":
        """Pick entries along the leading dimensions."""
        return Kinematics(**{name: value[index] for name, value in vars(self).items()})

    def rows(self, index: torch.Tensor) -> "Kinematics":
        """Pick entries along the leading dimension, in half the time of indexing; the index may have any shape."""
        flat = index.flatten()
        picked = {name: value.index_select(0, flat) for name, value in vars(self).items()}
        return Kinematics(**{name: value.unflatten(0, index.shape) for name, value in picked.items()})

    def followed_by(self, others: "Kinematics") -> "Kinematics":
        """Join along the leading dimension."""
        return Kinematics(**{name: torch.cat((value, getattr(others, name))) for name, value in vars(self).items()})


class LandmarkModel:
    """Reads `Kinematics` off the arrays that a physics engine computes."""

    def __init__(self, body: Body, device: torch.device):
        """Prepare the indices of ``body`` on ``device``."""

        def tensor(array: np.ndarray, dtype: torch.dtype) -> torch.Tensor:
            return torch.as_tensor(np.asarray(array), dtype=dtype, device=device)

        joints = tensor(body.independent_joints, torch.int64)
        self._qpos_index = 7 + joints
        self._qvel_index = 6 + joints
        self._bodies = tensor(body.landmark_bodies, torch.int64)
        self._root_body = int(body.landmark_bodies[ROOT])
        self._offsets = tensor(body.landmark_positions, torch.float32)
        self._root_rotation = tensor(body.landmark_quaternions[ROOT], torch.float32)

    def read(
        self,
        qpos: torch.Tensor,
        qvel: torch.Tensor,
        body_position: torch.Tensor,
        body_quaternion: torch.Tensor,
        body_velocity: torch.Tensor,
        center_of_mass: torch.Tensor,
    ) -> Kinematics:
        """Compute landmarks and root motion from engine arrays (see `msemu.sim.Simulation` for their meaning)."""
        # `index_select` takes a quarter of the time of indexing.
        position = body_position.index_select(1, self._bodies).float()
        quaternion = body_quaternion.index_select(1, self._bodies).float()
        landmarks = position + rotation.rotate(quaternion, self._offsets.unsqueeze(0))
        # A copy: an engine in single precision would hand out its own memory, which a reset overwrites.
        velocity = body_velocity[:, self._root_body].to(torch.float32, copy=True)
        angular, linear = velocity[:, :3], velocity[:, 3:]
        arm = landmarks[:, ROOT] - center_of_mass.float()
        return Kinematics(
            joint_position=qpos.index_select(1, self._qpos_index).float(),
            joint_velocity=qvel.index_select(1, self._qvel_index).float(),
            landmark_position=landmarks,
            root_quaternion=rotation.multiply(quaternion[:, ROOT], self._root_rotation),
            root_linear_velocity=linear + torch.linalg.cross(angular, arm),
            root_angular_velocity=angular,
        )
