"""Repair of moment arms: axes of joints, geoms that a source lacks, and fibers that stay as long as they were."""

from fnmatch import fnmatchcase

import mujoco
import numpy as np

from msemu.errors import MsemuError
from msemu.models import poses
from msemu.models.anatomy.segments import Vector
from msemu.models.edits.spec import element
from msemu.models.edits.wraps import lay_path, path_of
from msemu.models.muscle_paths import muscle_lengths
from msemu.models.recipe import Recipe, WrapCfg

_GEOM = mujoco.mjtGeom
_UPRIGHT = (1.0, 0.0, 0.0, 0.0)
_HALF_LENGTH_M = 0.05
"""Of the cylinder as it is drawn; a tendon takes it for endless."""


def place_joints(spec: mujoco.MjSpec, positions: dict[str, Vector]) -> None:
    """Let the axes of joints go through other points of their bodies [m]."""
    for name, position in positions.items():
        element(spec, "joint", name).pos = position


def add_wraps(spec: mujoco.MjSpec, wraps: dict[str, WrapCfg]) -> None:
    """Lead muscles round cylinders and spheres that the source lacks."""
    for name, wrap in wraps.items():
        body, side = element(spec, "body", wrap.body), f"{name}/side"
        body.add_geom(
            name=name,
            type=_GEOM.mjGEOM_SPHERE if wrap.quaternion is None else _GEOM.mjGEOM_CYLINDER,
            size=[wrap.radius_m, _HALF_LENGTH_M, 0],
            pos=wrap.position,
            quat=wrap.quaternion or _UPRIGHT,
            mass=0.0,
            contype=0,
            conaffinity=0,
            group=4,
        )
        body.add_site(name=side, pos=wrap.side, size=[0.001, 0, 0], group=4)
        tendon, path = _path_through(spec, element(spec, "site", wrap.before).name)
        place = [point for point, _ in path].index(wrap.before)
        kept = place if path[place - 1][1] is None else place - 1
        lay_path(spec, tendon, [*path[:kept], (name, side), *path[place:]])


def _path_through(spec: mujoco.MjSpec, site: str) -> tuple[str, list[tuple[str, str | None]]]:
    """Return the tendon that goes through a site, and its path."""
    for tendon in spec.tendons:
        path = path_of(spec, tendon.name)
        if (site, None) in path[1:]:
            return tendon.name, path
    raise MsemuError(f"no muscle of the model '{spec.modelname}' comes from elsewhere to '{site}'")


def neutral_lengths(spec: mujoco.MjSpec, recipe: Recipe) -> dict[str, float]:
    """Return the length of each muscle whose fiber a recipe keeps, in the neutral pose [m]."""
    names = [muscle.name for muscle in spec.actuators if _kept(muscle.name, recipe)]
    if not names:
        return {}
    model = spec.compile()
    neutral = poses.pose(model, recipe.root_quaternion, recipe.neutral_joints)
    lengths = muscle_lengths(model, neutral[None])[0]
    return {name: float(lengths[model.actuator(name).id]) for name in names}


def keep_fibers(spec: mujoco.MjSpec, recipe: Recipe, before: dict[str, float]) -> None:
    """Move the length range of each muscle by what it became longer in the neutral pose: the tendon is, no fiber."""
    for name, length in neutral_lengths(spec, recipe).items():
        muscle = spec.actuator(name)
        muscle.lengthrange = np.asarray(muscle.lengthrange) + length - before[name]


def _kept(muscle: str, recipe: Recipe) -> bool:
    return any(fnmatchcase(muscle, pattern) for pattern in recipe.kept_fibers)
