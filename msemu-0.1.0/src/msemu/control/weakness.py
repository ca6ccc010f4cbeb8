"""Joints that the muscles are too weak for, in a static optimization."""

from dataclasses import dataclass

import numpy as np

from msemu.control.independent_dofs import ROOT_DOFS
from msemu.control.static_optimization import StaticOptimization

_WEAK_SHARE = 0.05
_WEAK_CAPACITY = 0.01


@dataclass(frozen=True)
class Weakness:
    """A joint whose muscles do not give its torque.

    Attributes:
        joint: Name of the joint.
        frame: Frame in which most is missing.
        missing: Torque that is missing there [N m, N at slides].
        needed: Torque that the muscles should give there.
        greatest: Greatest torque that they should give in any frame.
        frames: Number of frames with a notable lack.
    """

    joint: str
    frame: int
    missing: float
    needed: float
    greatest: float
    frames: int


def find_weaknesses(result: StaticOptimization) -> list[Weakness]:
    """Return the joints that miss over 5 % of their greatest torque and 1 % of their capacity, the worst first."""
    missing, needed = result.residual[:, ROOT_DOFS:], result.net_torque[:, ROOT_DOFS:]
    greatest = np.abs(needed).max(axis=0)
    notable = np.abs(missing) > np.maximum(_WEAK_SHARE * greatest, _WEAK_CAPACITY * result.capacity[ROOT_DOFS:])
    found = []
    for joint in np.flatnonzero(notable.any(axis=0)):
        frame = int(np.abs(missing[:, joint]).argmax())
        found.append(
            Weakness(
                joint=result.dof_names[ROOT_DOFS + joint],
                frame=frame,
                missing=float(missing[frame, joint]),
                needed=float(needed[frame, joint]),
                greatest=float(greatest[joint]),
                frames=int(notable[:, joint].sum()),
            )
        )
    capacity = dict(zip(result.dof_names, result.capacity, strict=True))
    return sorted(found, key=lambda weakness: -abs(weakness.missing) / capacity[weakness.joint])
