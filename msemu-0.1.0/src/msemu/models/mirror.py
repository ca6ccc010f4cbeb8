"""Left and right: pairs by name, and the mirror image of a pose."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import mujoco
import numpy as np

from msemu.models.poses import scalar_joints

_MIRROR = np.array([1.0, -1.0, 1.0])  # reflection in the sagittal plane: y points left


def mirror_names(names: Sequence[str]) -> dict[str, str]:
    """Return for each name with a counterpart on the other side that counterpart.

    Four ways of writing sides are known: ``x_r`` and ``x_l`` (also in the middle of a name), ``x_R`` and
    ``x_L``, ``x`` and ``x_left``, ``x`` and ``x_L``.
    """
    known = set(names)
    pairs = {}
    for name in names:
        marked = (re.sub(r"_r(?=$|[-_.])", "_l", name), re.sub(r"_R$", "_L", name))
        for other in (*marked, name + "_left", name + "_L"):
            if other != name and other in known:
                pairs[name], pairs[other] = other, name
    return pairs


@dataclass(frozen=True)
class JointMirror:
    """How joint values change from a pose to its mirror image: ``mirrored[partner] = sign * value``.

    Attributes:
        partner: Index of the joint on the other side; a joint in the sagittal plane is its own, shape [J].
        sign: -1 where the two axes turn in opposite senses, shape [J].
        misalignment: Angle between one axis and the mirror image of the other [rad], shape [J].
    """

    partner: np.ndarray
    sign: np.ndarray
    misalignment: np.ndarray

    @classmethod
    def of(cls, model: mujoco.MjModel, data: mujoco.MjData) -> "JointMirror":
        """Find the pairs by name and the signs from the axes in the symmetric pose of ``data``."""
        joints = scalar_joints(model)
        names = [model.joint(joint).name for joint in joints]
        pairs = mirror_names(names)
        partner = np.array([names.index(pairs.get(name, name)) for name in names])
        axes = data.xaxis[joints]
        is_hinge = model.jnt_type[joints] == mujoco.mjtJoint.mjJNT_HINGE
        # A rotation axis is a pseudovector: reflection keeps its normal component and turns the others round.
        images = axes[partner] * _MIRROR * np.where(is_hinge, -1.0, 1.0)[:, None]
        cosine = (axes * images).sum(1)
        return cls(partner, np.sign(cosine), np.arccos(np.clip(np.abs(cosine), 0, 1)))

    def mirror(self, values: np.ndarray) -> np.ndarray:
        """Return joint values of the mirrored pose, shape [..., J]."""
        mirrored = np.empty_like(values)
        mirrored[..., self.partner] = self.sign * values
        return mirrored


def mirror_points(points: np.ndarray) -> np.ndarray:
    """Return the mirror image of points in the world, shape [..., 3]."""
    return points * _MIRROR
