"""What a discriminator sees of a movement.

`MotionFeatures` maps `Kinematics` to named numbers, and is the only way there: the simulated body and its reference
pass through the same lines, so equal states have equal features. The entries follow MimicKit's ``compute_disc_obs``
(github.com/xbpeng/MimicKit; ADD, arXiv:2505.04961), with landmarks for bodies:

``root_position``           pelvis [m]
``root_rotation``           axes of the pelvis [-], six numbers
``joint_rotation``          rotation of each jointed body against its parent [-], six numbers each
``body_position``           landmarks relative to the pelvis [m]
``root_linear_velocity``    [m/s]
``root_angular_velocity``   [rad/s]
``joint_velocity``          independent joints [rad/s]

``entry/part`` names one body, landmark or joint of an entry, as in ``body_position/toe_r``. Rotations are six numbers,
the turned x and z axes (doi:10.1109/CVPR.2019.00589), so that no error jumps.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from msemu.errors import MsemuError, suggestion
from msemu.models.anatomy.landmarks import LANDMARKS
from msemu.models.body import Body
from msemu.motion import rotation
from msemu.motion.kinematics import ROOT, Kinematics

FRAMES = ("world", "heading")
_OTHER_LANDMARKS = [index for index in range(len(LANDMARKS)) if index != ROOT]
_HINGES = 3
"""Most hinges that a body has towards its parent."""


class MotionFeatures:
    """Chosen features of a movement over one frame or a window of frames; a pure function once it is made.

    Attributes:
        parts: Columns of each part of the features, by ``entry/part``, over all frames of the window.
        num_features: Number of columns D.
    """

    def __init__(self, body: Body, device: torch.device, entries: Sequence[str], frame: str, window: int = 1):
        """Prepare the choice for ``body``.

        Args:
            body: The body.
            device: Device of the movements to come.
            entries: Names of entries, or of parts of them.
            frame: ``world`` for world axes and absolute position; ``heading`` for axes turned with the heading of the
                last frame of the window, and positions from the floor point below its pelvis.
            window: Frames W.

        Raises:
            MsemuError: The body has no such feature, none is named, or the frame is unknown.
        """
        if frame not in FRAMES:
            raise MsemuError(f"unknown frame '{frame}' of discriminator features{suggestion(frame, FRAMES)}")
        self._in_heading = frame == "heading"
        self._joints = _JointRotations(body, device)
        joints = [body.joint_names[index] for index in body.independent_joints]
        landmarks = [LANDMARKS[index] for index in _OTHER_LANDMARKS]
        widths = {
            "root_position": {"root_position": 3},
            "root_rotation": {"root_rotation": 6},
            "joint_rotation": {f"joint_rotation/{name}": 6 for name in self._joints.names},
            "body_position": {f"body_position/{name}": 3 for name in landmarks},
            "root_linear_velocity": {"root_linear_velocity": 3},
            "root_angular_velocity": {"root_angular_velocity": 3},
            "joint_velocity": {f"joint_velocity/{name}": 1 for name in joints},
        }
        chosen = _chosen_parts(entries, widths, body.name)
        columns, self.parts, width = list[tuple[str, int]](), {}, sum(sum(parts.values()) for parts in chosen.values())
        for entry, parts in chosen.items():
            start = 0
            for part, size in widths[entry].items():
                if part in parts:
                    first = len(columns) + np.arange(size)
                    self.parts[part] = (first[None] + width * np.arange(window)[:, None]).ravel().tolist()
                    columns += [(entry, start + offset) for offset in range(size)]
                start += size
        self._columns = {
            entry: None
            if len(parts) == len(widths[entry])
            else torch.tensor([column for name, column in columns if name == entry], device=device)
            for entry, parts in chosen.items()
        }
        self.num_features = window * width

    def __call__(self, motion: Kinematics) -> torch.Tensor:
        """Compute the features of movements of leading shape [N, W]; shape [N, D], frame after frame."""
        motion = _seen_from_heading(motion) if self._in_heading else motion
        values = []
        for entry, columns in self._columns.items():
            value = self._entry(entry, motion)
            values.append(value if columns is None else value[..., columns])
        return torch.cat(values, dim=-1).flatten(1)

    def _entry(self, name: str, motion: Kinematics) -> torch.Tensor:
        match name:
            case "root_rotation":
                return rotation.tangent_normal(motion.root_quaternion)
            case "joint_rotation":
                return self._joints.axes(motion.joint_position)
            case "body_position":
                landmarks = motion.landmark_position[..., _OTHER_LANDMARKS, :]
                return (landmarks - motion.root_position.unsqueeze(-2)).flatten(-2)
            case _:
                return getattr(motion, name)


class _JointRotations:
    """Rotation of each body against its parent, from the angles of its hinges (at most three)."""

    def __init__(self, body: Body, device: torch.device):
        model, joints = body.model, np.asarray(body.independent_joints)
        owners = model.jnt_bodyid[1 + joints]
        bodies = sorted(set(owners.tolist()))
        self.names = [model.body(index).name for index in bodies]
        # A body with fewer hinges gets some that never turn: they read the zero behind the last joint.
        index = np.full((len(bodies), _HINGES), len(joints))
        axes = np.tile([0.0, 0.0, 1.0], (len(bodies), _HINGES, 1))
        for row, owner in enumerate(bodies):
            own = np.flatnonzero(owners == owner)
            index[row, : len(own)] = own
            axes[row, : len(own)] = model.jnt_axis[1 + joints[own]]
        self._index = torch.as_tensor(index, device=device)
        self._axes = torch.as_tensor(axes, dtype=torch.float32, device=device)
        self._neutral = torch.as_tensor(model.qpos0[7 + joints], dtype=torch.float32, device=device)

    def axes(self, joint_position: torch.Tensor) -> torch.Tensor:
        """Turn x and z of every body, shape [..., 6 B], by the joint angles [rad], shape [..., J]."""
        half = torch.nn.functional.pad(0.5 * (joint_position - self._neutral), (0, 1))[..., self._index].unsqueeze(-1)
        hinges = torch.cat((half.cos(), half.sin() * self._axes), dim=-1)
        turned = rotation.multiply(rotation.multiply(hinges[..., 0, :], hinges[..., 1, :]), hinges[..., 2, :])
        return rotation.tangent_normal(turned).flatten(-2)


def _seen_from_heading(motion: Kinematics) -> Kinematics:
    """Return the same movement, leading shape [N, W], with its last frame above the origin and facing +x."""
    turn = rotation.conjugate(rotation.heading(motion.root_quaternion[:, -1:]))
    floor = motion.root_position[:, -1:] * motion.root_position.new_tensor((1.0, 1.0, 0.0))
    return replace(
        motion,
        landmark_position=rotation.rotate(turn.unsqueeze(2), motion.landmark_position - floor.unsqueeze(2)),
        root_quaternion=rotation.multiply(turn, motion.root_quaternion),
        root_linear_velocity=rotation.rotate(turn, motion.root_linear_velocity),
        root_angular_velocity=rotation.rotate(turn, motion.root_angular_velocity),
    )


def _chosen_parts(
    entries: Sequence[str], widths: dict[str, dict[str, int]], body_name: str
) -> dict[str, dict[str, int]]:
    """Parts that are named, by entry, in the order of ``widths``.

    Raises:
        MsemuError: A name is unknown, or there is none.
    """
    known = [*widths, *(part for parts in widths.values() for part in parts if part not in widths)]
    for name in entries:
        if name not in known:
            hint = suggestion(name, known, f"known: {', '.join(widths)}")
            raise MsemuError(f"the body '{body_name}' has no discriminator feature '{name}'{hint}")
    if not entries:
        raise MsemuError(f"a discriminator needs at least one feature; known: {', '.join(widths)}")
    chosen = {
        entry: {part: size for part, size in parts.items() if entry in entries or part in entries}
        for entry, parts in widths.items()
    }
    return {entry: parts for entry, parts in chosen.items() if parts}
