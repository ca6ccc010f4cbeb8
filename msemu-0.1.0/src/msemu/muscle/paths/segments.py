"""The path of each muscle over the rigid parts of a body, without the engine's tendons."""

from dataclasses import dataclass, replace
from itertools import pairwise

import mujoco
import numpy as np

from msemu.errors import MsemuError
from msemu.muscle.paths.parts import RigidParts, matrix_of

_SITE, _SPHERE, _CYLINDER = (int(getattr(mujoco.mjtWrap, f"mjWRAP_{kind}")) for kind in ("SITE", "SPHERE", "CYLINDER"))
_TENDON = int(mujoco.mjtTrn.mjTRN_TENDON)


@dataclass(frozen=True)
class MusclePaths:
    """The segments of the M muscles' paths that lie between different rigid parts, or around a surface.

    The segments follow one another muscle by muscle. One between two points of a part has a constant length and is no
    segment. Bodies are those of the parts, points are in their frames [m].

    Attributes:
        constant_length: Sum of the lengths that do not change [m], shape [M].
        first: Where the segments of each muscle begin; the last entry is their number S, shape [M + 1].
        bodies: Body of the start and of the end of each segment, shape [S, 2].
        points: Start and end of each segment, shape [S, 2, 3].
        wrap: Row in what follows of the surface that a segment may touch, -1 for a straight one, shape [S].
        wrap_body: Body of each of W surfaces, shape [W].
        wrap_position: Center, shape [W, 3].
        wrap_rotation: Axes, shape [W, 3, 3]; a cylinder lies along the third.
        wrap_radius: Radius [m], shape [W].
        is_sphere: Which surfaces are spheres and no cylinders, bool, shape [W].
        side_body: Body of the point on whose side the path passes, -1 without one, shape [W].
        side_point: That point, shape [W, 3]. Where it lies within the surface, the path passes inside.
    """

    constant_length: np.ndarray
    first: np.ndarray
    bodies: np.ndarray
    points: np.ndarray
    wrap: np.ndarray
    wrap_body: np.ndarray
    wrap_position: np.ndarray
    wrap_rotation: np.ndarray
    wrap_radius: np.ndarray
    is_sphere: np.ndarray
    side_body: np.ndarray
    side_point: np.ndarray

    @classmethod
    def of(cls, model: mujoco.MjModel) -> "MusclePaths":
        """Read the paths of the actuators of a model.

        Raises:
            MsemuError: A path is none of sites, spheres and cylinders, or its tendon does more than carry the muscle.
        """
        _require_plain_tendons(model)
        reader = _Reader(model)
        ends = [reader.read(int(tendon)) for tendon in model.actuator_trnid[:, 0]]
        return cls(
            np.array(reader.constant_length),
            np.array([0, *ends]),
            np.array(reader.bodies, int).reshape(-1, 2),
            np.array(reader.points).reshape(-1, 2, 3),
            np.array(reader.wrap, int),
            *reader.surfaces(),
        )

    def renumbered(self, body: np.ndarray) -> "MusclePaths":
        """Return the paths over bodies with other numbers: ``body`` [B] gives that of each."""
        side = np.where(self.side_body < 0, -1, body[self.side_body])
        return replace(self, bodies=body[self.bodies], wrap_body=body[self.wrap_body], side_body=side)


class _Reader:
    """Collects the segments of one muscle after the other."""

    def __init__(self, model: mujoco.MjModel):
        self.model = model
        self.parts = RigidParts.of(model)
        self.constant_length: list[float] = []
        self.bodies: list[tuple[int, int]] = []
        self.points: list[tuple[np.ndarray, np.ndarray]] = []
        self.wrap: list[int] = []
        self._geoms: list[int] = []
        self._sides: list[int] = []

    def read(self, tendon: int) -> int:
        """Add the path of a tendon; return the number of segments so far."""
        model = self.model
        self.constant_length.append(0.0)
        path = range(model.tendon_adr[tendon], model.tendon_adr[tendon] + model.tendon_num[tendon])
        geom = -1
        for before, index in pairwise(path):
            if model.wrap_type[index] != _SITE:
                geom = index
            elif geom < 0:
                self._add(model.wrap_objid[before], model.wrap_objid[index])
            else:
                self._add(model.wrap_objid[geom - 1], model.wrap_objid[index], geom)
                geom = -1
        return len(self.bodies)

    def surfaces(self) -> tuple[np.ndarray, ...]:
        """Return body, position, rotation, radius, kind, and body and place of the side of each surface."""
        model, parts, geoms, sides = self.model, self.parts, self._geoms, self._sides
        owners = model.geom_bodyid[geoms].astype(int)
        rotations = [
            parts.rotation[body] @ matrix_of(model.geom_quat[geom]) for body, geom in zip(owners, geoms, strict=True)
        ]
        return (
            parts.root[owners],
            self._places(owners, model.geom_pos[geoms]),
            np.array(rotations).reshape(-1, 3, 3),
            model.geom_size[geoms, 0],
            model.geom_type[geoms] == mujoco.mjtGeom.mjGEOM_SPHERE,
            np.array([parts.root[model.site_bodyid[site]] if site >= 0 else -1 for site in sides], int),
            self._places(model.site_bodyid[sides], model.site_pos[sides]),
        )

    def _add(self, start: int, end: int, wrap: int = -1) -> None:
        model = self.model
        owners = model.site_bodyid[[start, end]]
        points = self._places(owners, model.site_pos[[start, end]])
        first, second = self.parts.root[owners].tolist()
        if wrap < 0 and first == second:
            self.constant_length[-1] += float(np.linalg.norm(points[1] - points[0]))
            return
        self.bodies.append((first, second))
        self.points.append((points[0], points[1]))
        self.wrap.append(-1 if wrap < 0 else len(self._geoms))
        if wrap >= 0:
            self._geoms.append(int(model.wrap_objid[wrap]))
            self._sides.append(round(float(model.wrap_prm[wrap])))

    def _places(self, bodies: np.ndarray, places: np.ndarray) -> np.ndarray:
        found = [self.parts.point(body, place) for body, place in zip(bodies, places, strict=True)]
        return np.array(found).reshape(-1, 3)


def _require_plain_tendons(model: mujoco.MjModel) -> None:
    """Refuse what is more than a muscle along sites, spheres and cylinders."""
    if (model.actuator_trntype != _TENDON).any() or (model.actuator_gear[:, 0] != 1.0).any():
        raise MsemuError("an actuator is no muscle on a tendon at a gear of 1")
    if not np.isin(model.wrap_type, (_SITE, _SPHERE, _CYLINDER)).all():
        raise MsemuError("a muscle's path has a pulley or is a sum of joints")
    properties = ("stiffness", "damping", "frictionloss", "armature", "limited")
    if any(getattr(model, f"tendon_{name}").any() for name in properties):
        raise MsemuError(f"a tendon has a force of its own ({', '.join(properties)})")
