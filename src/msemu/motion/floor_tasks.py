"""Contact with the floor z = 0 as a mink task and a mink limit."""

import mink
import mujoco
import numpy as np

from msemu.motion.foot import Foot
from msemu.motion.kinematics import lowest_points

_REACH_M = 0.05
"""Geoms that are higher than this cannot reach the floor within one step of the inverse kinematics [m]."""

_RISE_M = 0.02
"""A geom below the floor rises by no more than this in a step, so that a hand does not throw the body up [m]."""


class StandingTask(mink.Task):
    """Keeps heel and ball of a standing foot at the height that they have when it stands flat; four rows."""

    def __init__(self, model: mujoco.MjModel, feet: tuple[Foot, Foot], cost: float) -> None:
        """Take the feet and the cost of a height error [1/m]."""
        super().__init__(cost=np.full(4, cost))
        self._model, self._feet, self._full_cost = model, feet, cost

    def set_contact(self, contact: np.ndarray) -> None:
        """Say how certainly heel and ball of each foot stand, 0 to 1, shape [2, 2]."""
        self.cost = self._full_cost * contact.ravel()

    def compute_error(self, configuration: mink.Configuration) -> np.ndarray:
        """Return how much higher than in standing the points are [m], shape [4]."""
        heights = [self._world(configuration, foot)[:, 2] - foot.heights for foot in self._feet]
        return np.concatenate(heights)

    def compute_jacobian(self, configuration: mink.Configuration) -> np.ndarray:
        """Return the derivative of the heights, shape [4, nv]."""
        rows = [
            height_jacobian(self._model, configuration.data, foot.segment, point)
            for foot in self._feet
            for point in self._world(configuration, foot)
        ]
        return np.stack(rows)

    @staticmethod
    def _world(configuration: mink.Configuration, foot: Foot) -> np.ndarray:
        data = configuration.data
        return data.xpos[foot.segment] + foot.points @ data.xmat[foot.segment].reshape(3, 3).T


class FloorLimit(mink.Limit):
    """Keeps every contact geom above the floor."""

    def __init__(self, model: mujoco.MjModel, geoms: np.ndarray) -> None:
        """Take the ids of the geoms that must not sink in."""
        self._model, self._geoms = model, geoms

    def compute_qp_inequalities(self, configuration: mink.Configuration, dt: float) -> mink.Constraint:
        """Return one row for each geom near the floor: its lowest point sinks by its height at most, or rises."""
        model, data = self._model, configuration.data
        near = self._geoms[data.geom_xpos[self._geoms, 2] - model.geom_rbound[self._geoms] < _REACH_M]
        if not len(near):
            return mink.Constraint()
        points = lowest_points(model, data, near)
        rows = [
            height_jacobian(model, data, model.geom_bodyid[geom], point)
            for geom, point in zip(near, points, strict=True)
        ]
        return mink.Constraint(G=-np.stack(rows), h=np.maximum(points[:, 2], -_RISE_M))


def height_jacobian(model: mujoco.MjModel, data: mujoco.MjData, body_id: int, point: np.ndarray) -> np.ndarray:
    """Return the derivative of the height of a point of a body, shape [nv]."""
    jacobian = np.empty((3, model.nv))
    mujoco.mj_jac(model, data, jacobian, None, point, body_id)
    return jacobian[2]
