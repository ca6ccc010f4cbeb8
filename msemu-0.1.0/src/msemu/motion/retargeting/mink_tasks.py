"""Contact with the floor z = 0 as a mink task and a mink limit."""

import mink
import mujoco
import numpy as np

from msemu.models.geoms import lowest_points
from msemu.motion.geometry import Foot

_REACH_M = 0.05
"""Geoms that are higher than this cannot reach the floor within one step of the inverse kinematics [m]."""

SWING_CLEARANCE_M = 0.008
"""Least height of a heel or ball that does not stand above its height in standing: recorded feet scrape the floor at up
to 5 m/s [m]."""

_LANDED = 0.7
"""Contact below which a heel or ball keeps the whole clearance: recorded feet still slide while they land."""

_RISE_M = 0.02
"""A geom below the floor rises by no more than this in a step, so that a hand does not throw the body up [m]."""


class StandingTask(mink.Task):
    """Keeps heel and ball of a standing foot where they stand, at the height of a foot that stands flat; twelve rows.

    The rows are x, y and z of the heel and the ball of the right, then of the left foot.
    """

    def __init__(self, model: mujoco.MjModel, feet: tuple[Foot, Foot], horizontal_cost: float, cost: float) -> None:
        """Take the feet and the costs of a horizontal error and of a height error [1/m]."""
        super().__init__(cost=np.zeros(12))
        self._model, self._feet = model, feet
        self._full_cost = np.array([horizontal_cost, horizontal_cost, cost])
        self._places = np.zeros((2, 2, 3))

    def set_target(self, contact: np.ndarray, places: np.ndarray) -> None:
        """Say how certainly heel and ball of each foot stand, 0 to 1, shape [2, 2], and where [m], shape [2, 2, 2]."""
        self.cost = (contact[..., None] * self._full_cost).ravel()
        self._places[..., :2] = places
        self._places[..., 2] = [foot.heights for foot in self._feet]

    def compute_error(self, configuration: mink.Configuration) -> np.ndarray:
        """Return how far the points are from where they stand [m], shape [12]."""
        points = np.stack([foot.world_points(configuration.data) for foot in self._feet])
        return (points - self._places).ravel()

    def compute_jacobian(self, configuration: mink.Configuration) -> np.ndarray:
        """Return the derivative of the positions, shape [12, nv]."""
        rows = np.empty((4, 3, self._model.nv))
        points = [(foot.segment, point) for foot in self._feet for point in foot.world_points(configuration.data)]
        for block, (segment, point) in zip(rows, points, strict=True):
            mujoco.mj_jac(self._model, configuration.data, block, None, point, segment)
        return rows.reshape(12, -1)


class FloorLimit(mink.Limit):
    """Keeps every contact geom above the floor, and the heel or ball of a swinging foot clear of it."""

    def __init__(self, model: mujoco.MjModel, geoms: np.ndarray, feet: tuple[Foot, Foot]) -> None:
        """Take the ids of the geoms that must not sink in, and the feet."""
        self._model, self._geoms, self._feet = model, geoms, feet
        self._contact = np.zeros((2, 2))

    def set_contact(self, contact: np.ndarray) -> None:
        """Say how certainly heel and ball of each foot stand, 0 to 1, shape [2, 2]."""
        self._contact = contact

    def compute_qp_inequalities(self, configuration: mink.Configuration, dt: float) -> mink.Constraint:
        """Return one row for each point near the floor: it sinks by its height at most, or rises."""
        model, data = self._model, configuration.data
        near = self._geoms[data.geom_xpos[self._geoms, 2] - model.geom_rbound[self._geoms] < _REACH_M]
        points = lowest_points(model, data, near)
        rows = [(model.geom_bodyid[geom], point, point[2]) for geom, point in zip(near, points, strict=True)]
        for foot, contact in zip(self._feet, self._contact, strict=True):
            swings = np.clip((1.0 - contact) / (1.0 - _LANDED), 0.0, 1.0)
            lowest = foot.heights + SWING_CLEARANCE_M * swings
            for point, height in zip(foot.world_points(data), lowest, strict=True):
                if point[2] < _REACH_M:
                    rows.append((foot.segment, point, point[2] - height))
        if not rows:
            return mink.Constraint()
        jacobian = np.stack([height_jacobian(model, data, body_id, point) for body_id, point, _ in rows])
        return mink.Constraint(G=-jacobian, h=np.maximum([height for *_, height in rows], -_RISE_M))


def height_jacobian(model: mujoco.MjModel, data: mujoco.MjData, body_id: int, point: np.ndarray) -> np.ndarray:
    """Return the derivative of the height of a point of a body, shape [nv]."""
    jacobian = np.empty((3, model.nv))
    mujoco.mj_jac(model, data, jacobian, None, point, body_id)
    return jacobian[2]


_FAR_M = 0.06
"""From here on a distance costs more than its square: two centers that cannot both be reached share the error [m]."""


class JointCenterTask(mink.Task):
    """Brings sites to positions, whatever their orientation; three rows for each site.

    A distance e costs e^2 + e^4 / (2 f^2) with f = `_FAR_M`. The rows carry the curvature of that cost and the errors
    are scaled so that the gradient is right (Newton's method along each distance). One task for all sites takes a fifth
    of the time of a `mink.FrameTask` for each.
    """

    def __init__(self, model: mujoco.MjModel, sites: list[str], cost: float) -> None:
        """Take the names of the sites and the cost of a distance [1/m]."""
        super().__init__(cost=np.full(3 * len(sites), cost))
        self._model, self._near_cost = model, cost
        self._sites = [model.site(name).id for name in sites]
        self._targets = np.zeros((len(sites), 3))

    def set_target(self, positions: np.ndarray) -> None:
        """Say where the sites shall be [m], shape [S, 3]."""
        self._targets = positions

    def compute_error(self, configuration: mink.Configuration) -> np.ndarray:
        """Return the distances from the targets [m], those of far ones as said above, shape [3 S]."""
        away = configuration.data.site_xpos[self._sites] - self._targets
        excess = (away**2).sum(axis=1) / _FAR_M**2
        self.cost = np.repeat(self._near_cost * np.sqrt(1.0 + 3.0 * excess), 3)
        return (away * ((1.0 + excess) / (1.0 + 3.0 * excess))[:, None]).ravel()

    def compute_jacobian(self, configuration: mink.Configuration) -> np.ndarray:
        """Return the derivative of the positions, shape [3 S, nv]."""
        rows = np.empty((len(self._sites), 3, self._model.nv))
        for block, site in zip(rows, self._sites, strict=True):
            mujoco.mj_jacSite(self._model, configuration.data, block, None, site)
        return rows.reshape(-1, self._model.nv)
