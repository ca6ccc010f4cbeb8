"""The coordinates of OpenSim's gait models, and where a body has what they describe.

Pelvis by tilt, list and rotation about moving z, x, y axes (x forward, y up, z right); legs joint by joint as our
bodies have them; lumbar and shoulder by three angles about the same axes. The models of Rajagopal, Hamner and
gait2392 name and order them alike.
"""

from dataclasses import dataclass

import mujoco
import numpy as np
from scipy.spatial.transform import Rotation

from msemu.models.anatomy.landmarks import LANDMARKS
from msemu.models.body import Body
from msemu.motion.formats.segment_fit import joints_between

PRO_SUP_ZERO_RAD = np.pi / 2
"""Pronation in OpenSim's gait models, zero with the palm forward, when that of the bodies is zero, with the
thumb forward [rad]."""

PELVIS = ("pelvis_tilt", "pelvis_list", "pelvis_rotation")
TRANSLATION = ("pelvis_tx", "pelvis_ty", "pelvis_tz")
ROOT = (*PELVIS, *TRANSLATION)
LUMBAR = ("lumbar_extension", "lumbar_bending", "lumbar_rotation")
LEG = ("hip_flexion", "hip_adduction", "hip_rotation", "knee_angle", "ankle_angle", "subtalar_angle", "mtp_angle")
ARM = ("arm_flex", "arm_add", "arm_rot")

Z_UP = Rotation.from_matrix([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
"""From OpenSim's axes to ours (x forward, y left, z up)."""

MIRROR = {"r": np.array([1.0, 1.0, 1.0]), "l": np.array([1.0, -1.0, -1.0])}
"""Signs of angles about z, x and y that make a left limb move as a right one."""


@dataclass(frozen=True)
class Segments:
    """Where a body's pelvis, thorax and upper arms are."""

    body: Body

    def landmark(self, name: str) -> int:
        """Return the id of the body that carries a landmark."""
        return int(self.body.landmark_bodies[LANDMARKS.index(name)])

    def rotation(self, data: mujoco.MjData, name: str) -> Rotation:
        """Return the orientation of a landmark's segment in a pose."""
        return Rotation.from_matrix(data.site(f"landmark/{name}").xmat.reshape(3, 3))

    def has_arms(self) -> bool:
        """Whether the body has joints between thorax and upper arm."""
        return len(self.shoulder("r")) > 0

    def spine(self) -> np.ndarray:
        """Return the joints between pelvis and thorax, as indices into ``joint_names``."""
        return joints_between(self.body, self.landmark("pelvis"), self.landmark("thorax"))

    def shoulder(self, side: str) -> np.ndarray:
        """Return the joints between thorax and an upper arm, as indices into ``joint_names``."""
        return joints_between(self.body, self.landmark("thorax"), self.landmark(f"shoulder_{side}"))

    def elbow(self, side: str) -> list[int]:
        """Return the joints of the forearm, flexion first, as indices into ``joint_names``."""
        forearm = self.landmark(f"elbow_{side}")
        return [int(j) for j in self.body.independent_joints if self.body.model.jnt_bodyid[j + 1] == forearm]

    def upper_arm(self, data: mujoco.MjData, side: str) -> Rotation:
        """Return the orientation of the upper arm: up along it, left against the axis of elbow flexion."""
        up = data.site(f"landmark/shoulder_{side}").xpos - data.site(f"landmark/elbow_{side}").xpos
        right = data.xaxis[self.elbow(side)[0] + 1]
        up = up / np.linalg.norm(up)
        left = -(right - (right @ up) * up)
        left /= np.linalg.norm(left)
        return Rotation.from_matrix(np.column_stack([np.cross(left, up), left, up]))


def direct_joints(body: Body) -> dict[str, tuple[int, float]]:
    """Return the joints taken angle by angle: index into ``joint_names``, and the file's angle at zero [rad]."""
    segments, found = Segments(body), {}
    for side in "rl":
        for name in (f"{joint}_{side}" for joint in LEG):
            if name in body.joint_names:
                found[name] = (body.joint_names.index(name), 0.0)
        if len(segments.shoulder(side)) and (elbow := segments.elbow(side)):
            found[f"elbow_flex_{side}"] = (elbow[0], 0.0)
        if f"pro_sup_{side}" in body.joint_names:
            found[f"pro_sup_{side}"] = (body.joint_names.index(f"pro_sup_{side}"), PRO_SUP_ZERO_RAD)
    return found


def as_opensim(rotation: Rotation) -> Rotation:
    """Return a rotation of our axes (x forward, y left, z up) as one of OpenSim's."""
    return Z_UP.inv() * rotation * Z_UP


def from_angles(angles: list[np.ndarray], signs: np.ndarray | float = 1.0) -> Rotation:
    """Return the rotations, in our axes, of three angles about moving z, x, y axes of OpenSim [rad]."""
    return Z_UP * Rotation.from_euler("ZXY", np.column_stack(angles) * signs) * Z_UP.inv()
