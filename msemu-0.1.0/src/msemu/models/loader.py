"""From a recipe to a body."""

import json
from functools import lru_cache
from pathlib import Path

import mujoco
import numpy as np

from msemu.config import build, to_dict
from msemu.errors import MsemuError
from msemu.models import poses
from msemu.models.anatomy.landmarks import LANDMARKS
from msemu.models.body import Body
from msemu.models.couplings import Couplings
from msemu.models.edits import arms, wraps
from msemu.models.edits import spec as edits
from msemu.models.edits.hold import hold_subtree
from msemu.models.edits.muscles import join_muscles
from msemu.models.edits.scale import scale_body
from msemu.models.edits.segments import set_segments
from msemu.models.engine_log import log_to
from msemu.models.muscle_paths import measure_inert_muscles
from msemu.models.recipe import Recipe, load_recipe
from msemu.models.sources import read_mjcf

log_to(None)


def load_body(name: str, path: str | Path | None = None, recipe: Recipe | None = None) -> Body:
    """Make a body from the model that the user has installed.

    All callers in a process that ask for the same body share one result: do not change it.

    Args:
        name: Name of a body, see `list_bodies`, or path of a recipe.
        path: Folder or main file of the model, for a model that no package brings.
        recipe: What to follow instead of the recipe of that name, such as the values that a run holds.

    Raises:
        MsemuError: The body is unknown, its model is not installed or is not the one that the recipe is for.
    """
    recipe = recipe or load_recipe(name)
    return _load(Path(name).stem, json.dumps(to_dict(recipe)), *recipe.source.find(path))


@lru_cache(maxsize=8)
def _load(name: str, recipe_values: str, file: Path, origin: str) -> Body:
    recipe = build(Recipe, json.loads(recipe_values), name)
    spec, sha256 = read_mjcf(file)
    provenance = {"source": origin, "license": recipe.source.license, "sha256": sha256}
    try:
        return make_body(name, recipe, spec, provenance)
    except ValueError as error:
        raise MsemuError(f"{file} does not compile: {' '.join(str(error).split())}") from error


def make_body(name: str, recipe: Recipe, spec: mujoco.MjSpec, provenance: dict[str, str]) -> Body:
    """Edit the specification of a source model as the recipe says, and compile it.

    Raises:
        MsemuError: The model is not the one that the recipe is for.
    """
    edits.require_bodies(spec, recipe)
    edits.lay_floor(spec)
    edits.apply_settings(spec, recipe)
    edits.free_root(spec, recipe.root_body)
    lengths = arms.neutral_lengths(spec, recipe)
    arms.place_joints(spec, recipe.joint_positions)
    wraps.correct_wraps(spec, recipe)
    arms.add_wraps(spec, recipe.wraps)
    arms.keep_fibers(spec, recipe, lengths)
    wraps.free_sides(spec, recipe.freed_sides)
    source = spec.compile()
    neutral = poses.pose(source, recipe.root_quaternion, recipe.neutral_joints)
    if not recipe.dependent_limits:
        edits.free_dependent_joints(spec, source)
    if recipe.segments:
        set_segments(spec, recipe, source, poses.at_pose(source, neutral))
    source = spec.compile()
    data = poses.at_pose(source, neutral)

    join_muscles(spec, recipe.joined_muscles, source, data)
    wraps.replace_wraps(spec, recipe.replaced_wraps, source, data)
    wraps.straighten_wraps(spec, recipe.straightened_wraps, source, data)
    for body_name in recipe.held:
        hold_subtree(spec, body_name, source, data)
    edits.add_landmarks(spec, recipe.landmarks, source, data)
    edits.add_capsules(spec, recipe.contact_capsules)
    edits.set_contact(spec, recipe.contact_regions)
    spec.modelname = name
    model = spec.compile()
    neutral = poses.carry_over(neutral, source, model)
    if recipe.scale:
        recipe, model, neutral = scale_body(spec, recipe, model, neutral)

    regions = {region: edits.region_geom_ids(model, cfg) for region, cfg in recipe.contact_regions.items()}
    feet = np.concatenate([regions["foot_r"], regions["foot_l"]])
    landmarks = [model.site(f"landmark/{landmark}").id for landmark in LANDMARKS]
    joints = poses.scalar_joints(model)
    couplings = Couplings.of(model)
    return Body(
        name=name,
        model=model,
        spec=spec,
        neutral_qpos=poses.stand_on_floor(model, neutral, feet),
        joint_names=tuple(model.joint(joint).name for joint in joints),
        independent_joints=np.flatnonzero(~np.isin(model.jnt_qposadr[joints], couplings.dependent)),
        couplings=couplings,
        muscle_names=tuple(model.actuator(muscle).name for muscle in range(model.nu)),
        inert_muscles=measure_inert_muscles(model),
        landmark_bodies=model.site_bodyid[landmarks],
        landmark_positions=model.site_pos[landmarks],
        landmark_quaternions=model.site_quat[landmarks],
        contact_regions=regions,
        capacity=recipe.capacity,
        recipe=recipe,
        provenance=provenance,
    )
