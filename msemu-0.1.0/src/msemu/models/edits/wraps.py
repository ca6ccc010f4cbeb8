"""Repair of tendons that jump, mostly over their wrapping surfaces.

Where an end of a tendon comes to lie inside its wrapping cylinder, MuJoCo takes the straight way, and the length jumps
by up to the whole arc; a smaller radius or a turned axis cures that. A side site in the wrong place lets a tendon
change sides within the range of a joint; another place cures that. At the first end of a tendon over a sphere, it makes
the tendon go the short way in every pose, as it does on any geom without a side site: it never goes round half a bone
only to keep to a side. Two points of a tendon that pass each other closely turn its moment arms over
within a frame; a little more room between them cures that. Where an end wanders through the whole cylinder, points on
the arc of the neutral pose, fixed to the body that carries the cylinder, keep the tendon outside: length and moment
arms of the neutral pose stay what they are, and nothing jumps. Where both ends are on one bone and the cylinder on
another, the cylinder goes.
"""

import mujoco
import numpy as np

from msemu.errors import MsemuError
from msemu.models.edits.spec import element
from msemu.models.recipe import Recipe

_SPACING_RAD = np.pi / 6
"""Largest angle between neighboring points on the arc [rad]."""

_WRAP = mujoco.mjtWrap


def correct_wraps(spec: mujoco.MjSpec, recipe: Recipe) -> None:
    """Move sites and wrapping geoms within their bodies [m], and set radii [m] and orientations of such geoms."""
    for name, position in recipe.site_positions.items():
        element(spec, "site", name).pos = position
    for name, position in recipe.wrap_positions.items():
        element(spec, "geom", name).pos = position
    for name, radius in recipe.wrap_radii.items():
        element(spec, "geom", name).size[0] = radius
    for name, quaternion in recipe.wrap_quaternions.items():
        element(spec, "geom", name).quat = quaternion


def free_sides(spec: mujoco.MjSpec, side_sites: tuple[str, ...]) -> None:
    """Let tendons go the short way round geoms: those side sites no longer say on which side they wrap."""
    freed = {element(spec, "site", name).name for name in side_sites}
    for tendon in list(spec.tendons):
        path = path_of(spec, tendon.name)
        if freed & {side for _, side in path}:
            lay_path(spec, tendon.name, [(target, "" if side in freed else side) for target, side in path])


def path_of(spec: mujoco.MjSpec, name: str) -> list[tuple[str, str | None]]:
    """Return the elements of a tendon: the name of a geom and its side site or ``""``, or that of a point and None."""
    path = spec.tendon(name).path
    elements = [path[index] for index in range(len(path))]
    named = [wrap.sidesite.name if wrap.sidesite else "" for wrap in elements]
    sides = [None if wrap.type == _WRAP.mjWRAP_SITE else side for wrap, side in zip(elements, named, strict=True)]
    return [(wrap.target.name, side) for wrap, side in zip(elements, sides, strict=True)]


def replace_wraps(spec: mujoco.MjSpec, tendons: tuple[str, ...], model: mujoco.MjModel, data: mujoco.MjData) -> None:
    """Lead tendons through points of the body that carries their wrapping cylinder, instead of over it.

    Each tendon has two sites with a cylinder between. The polygon through the points is shorter than the arc; the
    muscle's length range is moved by as much, so that its fiber is as long as before. The model is compiled from
    ``spec``, and ``data`` holds its neutral pose.
    """
    mujoco.mj_tendon(model, data)
    for name in tendons:
        first, geom, last = _path_over_cylinder(spec, name)
        points, shorter = _points_on_arc(model, data, name, geom.name)
        through = [first.name]
        for number, point in enumerate(points):
            through.append(f"{name}/{number}")
            geom.parent.add_site(name=through[-1], pos=point, size=[0.001, 0, 0], group=4)
        lay_path(spec, name, [(site, None) for site in (*through, last.name)], shorter)


def straighten_wraps(spec: mujoco.MjSpec, tendons: tuple[str, ...], model: mujoco.MjModel, data: mujoco.MjData) -> None:
    """Lead tendons straight from end to end instead of over a cylinder of another bone.

    Both ends are on one bone: such a muscle moves no joint. Its length range is moved by what it becomes shorter in the
    neutral pose. The arguments are those of `replace_wraps`.
    """
    mujoco.mj_tendon(model, data)
    for name in tendons:
        ends = [site.name for site in _path_over_cylinder(spec, name)[::2]]
        ids = [model.site(end).id for end in ends]
        if len({int(model.body_weldid[model.site_bodyid[site]]) for site in ids}) > 1:
            raise MsemuError(f"the ends of tendon '{name}' are on two bones; the recipe is for another model")
        straight = float(np.linalg.norm(np.subtract(*data.site_xpos[ids])))
        shorter = float(data.ten_length[model.tendon(name).id]) - straight
        lay_path(spec, name, [(end, None) for end in ends], shorter)


def _path_over_cylinder(spec: mujoco.MjSpec, name: str) -> tuple[mujoco.MjsSite, mujoco.MjsGeom, mujoco.MjsSite]:
    """Return the site, the cylinder and the site of a tendon."""
    tendon = element(spec, "tendon", name)
    path = [tendon.path[index] for index in range(len(tendon.path))]
    if [wrap.type for wrap in path] != [_WRAP.mjWRAP_SITE, _WRAP.mjWRAP_CYLINDER, _WRAP.mjWRAP_SITE]:
        raise MsemuError(
            f"the model '{spec.modelname}' has no tendon '{name}' over a cylinder; the recipe is for another model"
        )
    first, geom, last = (wrap.target for wrap in path)
    return first, geom, last


def _points_on_arc(model: mujoco.MjModel, data: mujoco.MjData, tendon: str, geom: str) -> tuple[np.ndarray, float]:
    """Return points on the part of a tendon that lies on its cylinder and by how much their polygon is shorter [m].

    The points, shape [N, 3], are in the frame of the body that carries the cylinder [m], the places where the tendon
    comes and goes included.
    """
    tendon_id, geom_id = model.tendon(tendon).id, model.geom(geom).id
    start, count = data.ten_wrapadr[tendon_id], data.ten_wrapnum[tendon_id]
    path = data.wrap_xpos.reshape(-1, 3)[start : start + count]
    if count != 4:
        raise MsemuError(f"tendon '{tendon}' does not touch '{geom}' in the neutral pose; there is no arc to replace")
    arc = data.ten_length[tendon_id] - np.linalg.norm(path[1] - path[0]) - np.linalg.norm(path[3] - path[2])
    rotation = data.geom_xmat[geom_id].reshape(3, 3)
    ends = (path[1:3] - data.geom_xpos[geom_id]) @ rotation
    angles, radius = np.arctan2(ends[:, 1], ends[:, 0]), model.geom_size[geom_id, 0]
    sweep = (angles[1] - angles[0]) % (2.0 * np.pi)
    ways = np.array([sweep, sweep - 2.0 * np.pi])
    lengths = np.hypot(radius * ways, ends[1, 2] - ends[0, 2])
    sweep = ways[np.argmin(np.abs(lengths - arc))]
    share = np.linspace(0.0, 1.0, int(np.ceil(abs(sweep) / _SPACING_RAD)) + 1)
    turn = angles[0] + share * sweep
    along = ends[0, 2] + share * (ends[1, 2] - ends[0, 2])
    local = np.stack([radius * np.cos(turn), radius * np.sin(turn), along], axis=1)
    world = local @ rotation.T + data.geom_xpos[geom_id]
    body = model.geom_bodyid[geom_id]
    points = (world - data.xpos[body]) @ data.xmat[body].reshape(3, 3)
    return points, float(arc - np.linalg.norm(np.diff(local, axis=0), axis=1).sum())


def lay_path(spec: mujoco.MjSpec, name: str, path: list[tuple[str, str | None]], shorter: float = 0.0) -> None:
    """Put a tendon over other points and geoms in the place of one of the same name.

    A geom has a side site, or ``""``; a point has None. The length range of the tendon's muscle is moved by what it is
    shorter than before [m].
    """
    tendon = spec.tendon(name)
    kept = {attribute: np.copy(getattr(tendon, attribute)) for attribute in ("rgba", "width", "group")}
    spec.delete(tendon)  # the muscle names its tendon and stays
    laid = spec.add_tendon(name=name, **kept)
    for target, side in path:
        if side is None:
            laid.wrap_site(target)
        else:
            laid.wrap_geom(target, side)
    for muscle in spec.actuators:
        if muscle.target == name:
            muscle.lengthrange = np.asarray(muscle.lengthrange) - shorter
