"""Contact with the floor z = 0 as mink tasks and limits."""

import mink
import mujoco
import numpy as np

from msemu.motion.kinematics import lowest_points

_REACH_M = 0.05
"""Geoms that are higher than this cannot reach the floor within one step of the inverse kinematics [m]."""


class SoleHeightTask(mink.Task):
    """Puts the lowest point of each standing foot on the floor; one row a foot."""

    def __init__(self, model: mujoco.MjModel, feet: list[np.ndarray], cost: float) -> None:
        """Take the geom ids of each foot and the cost of a height error [1/m]."""
        super().__init__(cost=np.full(len(feet), cost))
        self._model, self._feet, self._full_cost = model, feet, cost

    def set_contact(self, contact: np.ndarray) -> None:
        """Say how certainly each foot stands, 0 to 1, shape [feet]."""
        self.cost = self._full_cost * contact

    def compute_error(self, configuration: mink.Configuration) -> np.ndarray:
        """Return the height of each foot's lowest point [m]."""
        return np.array([point[2] for _, point in self._lowest(configuration)])

    def compute_jacobian(self, configuration: mink.Configuration) -> np.ndarray:
        """Return the derivative of the heights, shape [feet, nv]."""
        return np.stack([height_jacobian(self._model, configuration.data, *low) for low in self._lowest(configuration)])

    def _lowest(self, configuration: mink.Configuration) -> list[tuple[int, np.ndarray]]:
        """Return geom id and position of the lowest point of each foot."""
        found = []
        for geoms in self._feet:
            points = lowest_points(self._model, configuration.data, geoms)
            low = int(points[:, 2].argmin())
            found.append((int(geoms[low]), points[low]))
        return found


class FloorLimit(mink.Limit):
    """Keeps every contact geom above the floor."""

    def __init__(self, model: mujoco.MjModel, geoms: np.ndarray) -> None:
        """Take the ids of the geoms that must not sink in."""
        self._model, self._geoms = model, geoms

    def compute_qp_inequalities(self, configuration: mink.Configuration, dt: float) -> mink.Constraint:
        """Return one row for each geom near the floor: its lowest point may sink by its height at most."""
        model, data = self._model, configuration.data
        near = self._geoms[data.geom_xpos[self._geoms, 2] - model.geom_rbound[self._geoms] < _REACH_M]
        if not len(near):
            return mink.Constraint()
        points = lowest_points(model, data, near)
        rows = [height_jacobian(model, data, int(geom), point) for geom, point in zip(near, points, strict=True)]
        return mink.Constraint(G=-np.stack(rows), h=points[:, 2])


def height_jacobian(model: mujoco.MjModel, data: mujoco.MjData, geom: int, point: np.ndarray) -> np.ndarray:
    """Return the derivative of the height of a point of a geom, shape [nv]."""
    jacobian = np.empty((3, model.nv))
    mujoco.mj_jac(model, data, jacobian, None, point, model.geom_bodyid[geom])
    return jacobian[2]
