"""Where bodies and muscles are in one frame."""

from dataclasses import dataclass

import mujoco
import numpy as np

_ARC_PIECES = 4
"""Straight pieces that stand for the arc of a muscle around a wrapping surface."""

_TOUCH_RAD = 1e-3
"""Below this angle a path touches the surface in one point, as it does inside one, and has no direction."""

_PULLEY = -2
"""``MjData.wrap_obj`` of a path point that starts another branch."""


@dataclass(frozen=True)
class Pose:
    """The body in one frame.

    Attributes:
        position: Origin of each body [m], shape [num_bodies, 3].
        quaternion: Orientation of each body (w, x, y, z), shape [num_bodies, 4].
        rotation: The same as matrices, shape [num_bodies, 3, 3].
        segments: Straight pieces of all muscle paths [m], shape [S, 2, 3]. S changes with the pose, because a
            muscle touches a wrapping surface in some poses only.
        segment_muscle: Index of the muscle that each segment belongs to, shape [S].
    """

    position: np.ndarray
    quaternion: np.ndarray
    rotation: np.ndarray
    segments: np.ndarray
    segment_muscle: np.ndarray


class Poser:
    """Computes `Pose` from joint coordinates; muscles are the actuators that pull on a tendon.

    Attributes:
        max_segments: No pose has more segments than this.
    """

    def __init__(self, model: mujoco.MjModel):
        self._model = model
        self._data = mujoco.MjData(model)
        self._muscle_of_tendon = np.full(model.ntendon, -1)
        pulls_tendon = np.flatnonzero(model.actuator_trntype == mujoco.mjtTrn.mjTRN_TENDON)
        on_surface = np.isin(model.wrap_type, (mujoco.mjtWrap.mjWRAP_SPHERE, mujoco.mjtWrap.mjWRAP_CYLINDER))
        self.max_segments = model.nwrap + _ARC_PIECES * int(on_surface.sum())
        self._muscle_of_tendon[model.actuator_trnid[pulls_tendon, 0]] = pulls_tendon

    def pose(self, qpos: np.ndarray) -> Pose:
        """Return the pose at ``qpos``, shape [nq]."""
        model, data = self._model, self._data
        data.qpos[:] = qpos
        mujoco.mj_kinematics(model, data)
        mujoco.mj_comPos(model, data)
        mujoco.mj_tendon(model, data)
        segments, muscle = self._muscle_paths()
        return Pose(data.xpos.copy(), data.xquat.copy(), data.xmat.reshape(-1, 3, 3).copy(), segments, muscle)

    def _muscle_paths(self) -> tuple[np.ndarray, np.ndarray]:
        data = self._data
        points, surface = data.wrap_xpos.reshape(-1, 3), data.wrap_obj.reshape(-1)
        tendon = np.repeat(np.arange(self._model.ntendon), data.ten_wrapnum)
        index = np.concatenate(
            [np.arange(first, first + count) for first, count in zip(data.ten_wrapadr, data.ten_wrapnum, strict=True)]
        )
        muscle = self._muscle_of_tendon[tendon]
        start, end = index[:-1], index[1:]
        joined = (
            (tendon[:-1] == tendon[1:]) & (muscle[:-1] >= 0) & (surface[start] != _PULLEY) & (surface[end] != _PULLEY)
        )
        start, end, muscle = start[joined], end[joined], muscle[:-1][joined]
        curved = (surface[start] == surface[end]) & (surface[start] >= 0)
        straight = np.stack([points[start[~curved]], points[end[~curved]]], axis=1)
        first, last = start[curved], end[curved]
        arcs = self._arcs(points[first - 1], points[first], points[last], surface[first])
        pieces = np.stack([arcs[:, :-1], arcs[:, 1:]], axis=2).reshape(-1, 2, 3)
        return (
            np.concatenate([straight, pieces]).astype(np.float32),
            np.concatenate([muscle[~curved], np.repeat(muscle[curved], _ARC_PIECES)]),
        )

    def _arcs(self, before: np.ndarray, start: np.ndarray, end: np.ndarray, geom: np.ndarray) -> np.ndarray:
        """Return points along the curves on wrapping surfaces [m], shape [A, pieces + 1, 3].

        On a sphere that is a great circle, on a cylinder a helix: turn one radius into the other about the
        axis and move along the axis in proportion. The turn goes on in the direction in which the path
        arrives from the point before, which may be the long way round.
        """
        center, frame = self._data.geom_xpos[geom], self._data.geom_xmat[geom].reshape(-1, 3, 3)
        is_sphere = (self._model.geom_type[geom] == mujoco.mjtGeom.mjGEOM_SPHERE)[:, None]
        from_center, to_center = start - center, end - center
        along = np.where(is_sphere, 0.0, 1.0) * frame[:, :, 2]
        rise_start = np.sum(from_center * along, axis=1, keepdims=True)
        rise_end = np.sum(to_center * along, axis=1, keepdims=True)
        radius_start, radius_end = from_center - rise_start * along, to_center - rise_end * along
        cosine = np.sum(radius_start * radius_end, axis=1, keepdims=True) / np.maximum(
            np.linalg.norm(radius_start, axis=1, keepdims=True) * np.linalg.norm(radius_end, axis=1, keepdims=True),
            1e-12,
        )
        angle = np.maximum(np.arccos(np.clip(cosine, -1.0, 1.0)), 1e-6)
        short_way = radius_end - cosine * radius_start
        arrives_against = np.sum((start - before) * short_way, axis=1, keepdims=True) < 0
        touches_only = angle < _TOUCH_RAD
        angle = np.where(arrives_against & ~touches_only, angle - 2 * np.pi, angle)[:, :, None]
        share = np.linspace(0.0, 1.0, _ARC_PIECES + 1)[None, :, None]
        turned = (
            np.sin((1 - share) * angle) * radius_start[:, None] + np.sin(share * angle) * radius_end[:, None]
        ) / np.sin(angle)
        risen = ((1 - share) * rise_start[:, None] + share * rise_end[:, None]) * along[:, None]
        return center[:, None] + turned + risen
