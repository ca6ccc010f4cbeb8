"""What muscles miss of the torques of a movement, by groups of joints."""

from collections.abc import Mapping, Sequence

import numpy as np

from msemu.analysis.static_optimization.report import trunk_joints
from msemu.control.static_optimization import StaticOptimization
from msemu.models.body import Body
from msemu.motion.geometry import FEET


def joint_groups(body: Body) -> dict[str, tuple[str, ...]]:
    """Return the independent joints of trunk, legs and arms (with head and neck), without groups of none."""
    model = body.model
    below = {int(model.geom_bodyid[geom]) for foot in FEET for geom in body.contact_regions.get(foot, ())}
    above = set()
    for each in below:
        while each:
            above.add(each)
            each = int(model.body_parentid[each])
    names = [body.joint_names[joint] for joint in body.independent_joints]
    legs = tuple(name for name in names if int(model.joint(name).bodyid[0]) in above)
    trunk = trunk_joints(body)
    arms = tuple(name for name in names if name not in legs + trunk)
    return {name: joints for name, joints in (("trunk", trunk), ("legs", legs), ("arms", arms)) if joints}


def missing_shares(found: StaticOptimization, groups: Mapping[str, Sequence[str]]) -> dict[str, float]:
    """Return the share of each group's torque, summed over joints and frames, that muscles do not give."""
    places = {group: np.flatnonzero(np.isin(found.dof_names, joints)) for group, joints in groups.items()}
    return {
        group: float(np.abs(found.residual[:, of]).sum() / max(np.abs(found.net_torque[:, of]).sum(), 1e-9))
        for group, of in places.items()
    }
