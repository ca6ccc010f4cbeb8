"""The person that a body is: which part each of its bodies belongs to, how long the parts are, how tall it stands."""

from collections.abc import Mapping
from copy import copy
from dataclasses import replace

import mujoco
import numpy as np

from msemu.errors import MsemuError
from msemu.models.anatomy.landmarks import LANDMARKS
from msemu.models.anatomy.sizes import PARTS, SCALES, ScaleCfg
from msemu.models.body import Body
from msemu.models.poses import at_pose
from msemu.models.recipe import Recipe

_ROUNDS = 8


def body_factors(model: mujoco.MjModel, recipe: Recipe) -> np.ndarray:
    """Return the factor of the lengths in each body's frame, shape [nbody]; 1 for what is no part of the person."""
    assert recipe.scale is not None
    factors = {part: recipe.scale.of(part) for part in PARTS}
    return np.array([factors[part] if part else 1.0 for part in part_of_bodies(model, recipe)])


def part_of_bodies(model: mujoco.MjModel, recipe: Recipe) -> list[str]:
    """Return the part that each body belongs to; ``""`` where it is none of the person."""
    ids = {name: model.body(point.body).id for name, point in recipe.landmarks.items()}
    first: dict[int, str] = {model.body(recipe.root_body).id: "pelvis"}
    for part, landmark in PARTS.items():
        first.setdefault(ids[landmark], part)
    trunk = _between(model, ids["pelvis"], ids["thorax"])
    first |= {body: "torso" for body in trunk if body not in first}
    owner = [""] * model.nbody
    for body in range(1, model.nbody):
        owner[body] = first.get(body, owner[model.body_parentid[body]])
    return owner


def _between(model: mujoco.MjModel, lower: int, upper: int) -> list[int]:
    """Return the bodies above the last common ancestor of two, down to the second one: the spine."""
    chains = []
    for body in (lower, upper):
        chain = [body]
        while chain[-1]:
            chain.append(int(model.body_parentid[chain[-1]]))
        chains.append(chain)
    return [body for body in chains[1] if body not in chains[0]]


def measure_parts(points: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the length of the right and of the left of each part of which both ends are there [m], shape [2] each.

    The trunk reaches from the middle of the hips to that of the shoulders, and is the same on both sides, as is the
    pelvis from hip to hip. The points have the shape [..., 3]; lengths are means over all but the last axis.
    """
    points = dict(points)
    for joint in ("hip", "shoulder"):
        if {f"{joint}_r", f"{joint}_l"} <= points.keys():
            points[f"{joint}s"] = 0.5 * (points[f"{joint}_r"] + points[f"{joint}_l"])
    found = {}
    for part, (near, far) in _ENDS.items():
        ends = [(near.format(side), far.format(side)) for side in "rl"]
        if all(end in points for pair in ends for end in pair):
            lengths = [np.linalg.norm(points[one] - points[other], axis=-1).mean() for one, other in ends]
            found[part] = np.array(lengths)
    return found


_ENDS = {
    **{"pelvis": ("hip_r", "hip_l"), "torso": ("hips", "shoulders")},
    **{"thigh": ("hip_{}", "knee_{}"), "shank": ("knee_{}", "ankle_{}")},
    **{"upper_arm": ("shoulder_{}", "elbow_{}"), "forearm": ("elbow_{}", "wrist_{}")},
}
"""Landmarks between which parts are measured."""


def fit_scale(body: Body, lengths: Mapping[str, np.ndarray]) -> ScaleCfg:
    """Return the scale with which the parts of a body are as long as those of a person [m], see `measure_parts`.

    Both sides get the mean of right and left. The head grows as the torso, a hand as the forearm, a foot as the leg,
    and what is not measured as all that is. Parts that are no bodies of their own are left out.

    Raises:
        MsemuError: A factor is out of range.
    """
    assert body.recipe is not None
    there = {_without_side(part) for part in part_of_bodies(body.model, body.recipe)}
    wanted = {part: float(np.mean(sides)) for part, sides in lengths.items() if part in there}
    own = measure_parts(_landmarks(body, ScaleCfg()))
    length = sum(wanted.values()) / sum(float(own[part].mean()) for part in wanted)
    factors = {part: wanted[part] / float(own[part].mean()) for part in wanted}
    for _ in range(_ROUNDS):  # where a part begins depends on the one before it
        scale = ScaleCfg(length, _both_sides(factors))
        found = measure_parts(_landmarks(body, scale))
        factors = {part: factors[part] * wanted[part] / float(found[part].mean()) for part in wanted}
    return require_scales(ScaleCfg(round(length, 6), _both_sides(factors)))


def require_scales(scale: ScaleCfg) -> ScaleCfg:
    """Return a scale whose factors can all be scaled by.

    Raises:
        MsemuError: One is out of range.
    """
    for part, factor in {"the body": scale.length, **scale.parts}.items():
        if not SCALES[0] <= factor <= SCALES[1]:
            raise MsemuError(
                f"{part.replace('_', ' ')} would be {factor:.3g} times as long; {SCALES[0]:g} to {SCALES[1]:g} can be"
                " scaled: are the lengths in meters?"
            )
    return scale


def _both_sides(factors: dict[str, float]) -> dict[str, float]:
    """Return the factors of all parts that follow from those which were measured."""
    like = {"head": ["torso"], "hand": ["forearm"], "foot": ["thigh", "shank"]}
    means = {part: [factors[one] for one in ones if one in factors] for part, ones in like.items()}
    known = factors | {part: float(np.mean(values)) for part, values in means.items() if values}
    return {part: round(known[_without_side(part)], 6) for part in PARTS if _without_side(part) in known}


def _without_side(part: str) -> str:
    return part.removesuffix("_r").removesuffix("_l")


def _landmarks(body: Body, scale: ScaleCfg) -> dict[str, np.ndarray]:
    """Return where the landmarks of a scaled body are in its neutral pose [m], up to a displacement."""
    assert body.recipe is not None
    model, pose = copy(body.model), body.neutral_qpos.copy()
    factors = body_factors(model, replace(body.recipe, scale=scale))
    model.body_pos[:] *= factors[model.body_parentid, None]
    model.jnt_pos[:] *= factors[model.jnt_bodyid, None]
    model.site_pos[:] *= factors[model.site_bodyid, None]
    pose[model.jnt_qposadr] *= joint_factors(model, factors)
    data = at_pose(model, pose)
    return {name: data.site(f"landmark/{name}").xpos for name in LANDMARKS}


def joint_factors(model: mujoco.MjModel, factors: np.ndarray) -> np.ndarray:
    """Return the factor of the coordinate of each joint: that of the parent's frame for a slide, 1 for an angle."""
    is_slide = model.jnt_type == mujoco.mjtJoint.mjJNT_SLIDE
    return np.where(is_slide, factors[model.body_parentid[model.jnt_bodyid]], 1.0)


def stature(body: Body) -> float:
    """Return how tall a body stands in its neutral pose [m]: the height of the point ``vertex`` above the soles.

    Raises:
        MsemuError: The recipe does not say where the vertex is.
    """
    recipe = body.recipe
    if recipe is None or "vertex" not in recipe.points:
        raise MsemuError(
            f"the recipe of '{body.name}' does not say how tall it is: give it the highest point of the skull, as in"
            " points: {vertex: {body: head, position: [0, 0, 0.1]}}"
        )
    return float(recipe.place("vertex", at_pose(body.model, body.neutral_qpos))[2])
