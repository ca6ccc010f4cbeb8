"""Edits that turn a source model into a body: settings, free root, landmarks, contact."""

from collections.abc import Sequence
from typing import Any

import mujoco
import numpy as np

from msemu.errors import MsemuError, suggestion
from msemu.models.poses import dependent_ranges
from msemu.models.recipe import CapsuleCfg, LandmarkCfg, Recipe, RegionCfg

FLOOR = "floor"
_PLURALS = {"body": "bodies"}
_NET_FORCE = 3  # value of the attribute reduce="netforce" of a contact sensor
_WRENCH = sum(
    1 << int(field)
    for field in (
        mujoco.mjtConDataField.mjCONDATA_FORCE,
        mujoco.mjtConDataField.mjCONDATA_TORQUE,
        mujoco.mjtConDataField.mjCONDATA_POS,
    )
)


def require_bodies(spec: mujoco.MjSpec, recipe: Recipe) -> None:
    """Check that the model has every body that the recipe names, and that it stands on its feet.

    Raises:
        MsemuError: It does not, so it is not the model that the recipe is for.
    """
    named = [recipe.root_body, *recipe.held, *recipe.rotational_inertia]
    named += [segment.body for segment in recipe.segments.values() if segment.body]
    parts: list[LandmarkCfg | CapsuleCfg] = [*recipe.landmarks.values(), *recipe.contact_capsules.values()]
    parts += recipe.points.values()
    named += [part.body for part in parts]
    named += [region.body or region.subtree for region in recipe.contact_regions.values()]
    for name in named:
        element(spec, "body", name)
    parent = spec.body(recipe.root_body).parent.name
    if parent != "world":
        raise MsemuError(
            f"the root_body '{recipe.root_body}' hangs on '{parent}': the root is a body of the world itself"
        )
    scalar = (mujoco.mjtJoint.mjJNT_HINGE, mujoco.mjtJoint.mjJNT_SLIDE)
    for joint in spec.joints:
        if joint.type not in scalar and joint.parent.name != recipe.root_body:
            raise MsemuError(
                f"the joint '{joint.name}' of '{joint.parent.name}' in the model '{spec.modelname}' is free or a ball:"
                f" all joints but that of the root, '{recipe.root_body}', are hinges or slides"
            )
    down = np.asarray(spec.option.gravity)
    if down[2] >= 0 or np.abs(down[:2]).max() > 1e-6:
        raise MsemuError(f"gravity is {down.tolist()} in the model '{spec.modelname}': it must point down along z")


def lay_floor(spec: mujoco.MjSpec) -> None:
    """Give the model the plane z = 0 as its floor, unless it has one of that name; an only plane of another name goes.

    Raises:
        MsemuError: There are several planes.
    """
    if spec.geom(FLOOR) is not None:
        return
    planes = [geom for geom in spec.worldbody.geoms if geom.type == mujoco.mjtGeom.mjGEOM_PLANE]
    if len(planes) > 1:
        raise MsemuError(f"the model '{spec.modelname}' has {len(planes)} planes: give the floor the name '{FLOOR}'")
    for plane in planes:
        spec.delete(plane)
    spec.worldbody.add_geom(name=FLOOR, type=mujoco.mjtGeom.mjGEOM_PLANE, size=[0.0, 0.0, 0.1])


def element(spec: mujoco.MjSpec, kind: str, name: str) -> Any:
    """Return the body, joint, site, geom or tendon of a name.

    Raises:
        MsemuError: The model has none; the message names those that are like it.
    """
    found = getattr(spec, kind)(name)
    if found is None:
        names = [item.name for item in getattr(spec, _PLURALS.get(kind, f"{kind}s")) if item.name]
        known = f"it has {len(names)}, such as {', '.join(names[:3])}: the recipe is for another model"
        raise MsemuError(f"the model '{spec.modelname}' has no {kind} '{name}'{suggestion(name, names, known)}")
    return found


def apply_settings(spec: mujoco.MjSpec, recipe: Recipe) -> None:
    """Set timestep, integrator, solver, excitation range, and the corrected inertias and joint ranges."""
    spec.option.timestep = recipe.timestep_s
    spec.option.integrator = mujoco.mjtIntegrator.mjINT_EULER
    spec.option.solver = mujoco.mjtSolver.mjSOL_NEWTON
    # A source may ask for room for thousands of constraints, a gigabyte of addresses; MuJoCo's own estimate is enough.
    spec.njmax = spec.nconmax = spec.memory = -1
    for muscle in spec.actuators:
        # Some sources allow [-1, 1], yet the activation dynamics clamps excitation to [0, 1].
        muscle.ctrlrange = [0.0, 1.0]
    for name, inertia in recipe.rotational_inertia.items():
        spec.body(name).inertia = [inertia] * 3
    for name, limits in recipe.joint_ranges.items():
        _set_range(spec, element(spec, "joint", name), limits)


def free_dependent_joints(spec: mujoco.MjSpec, model: mujoco.MjModel) -> None:
    """Take the limits off the joints that a coupling prescribes: those of its driver hold for both.

    A limit of its own that ends before the coupling does would pull against it with the force of a joint limit. The
    range becomes that of the coupling over the range of its driver. ``model`` is what ``spec`` compiles to.
    """
    for joint_id, limits in zip(*dependent_ranges(model), strict=True):
        joint = spec.joint(model.joint(joint_id).name)
        _set_range(spec, joint, limits)
        joint.limited = mujoco.mjtLimited.mjLIMITED_FALSE


def _set_range(spec: mujoco.MjSpec, joint: mujoco.MjsJoint, limits: Sequence[float]) -> None:
    """Set the range of a joint [rad or m]."""
    in_degrees = spec.compiler.degree and joint.type == mujoco.mjtJoint.mjJNT_HINGE
    joint.range = np.degrees(limits) if in_degrees else limits


def free_root(spec: mujoco.MjSpec, body_name: str) -> None:
    """Give a body one undamped free joint ``root`` in place of the joints it has."""
    body = spec.body(body_name)
    for joint in list(body.joints):
        spec.delete(joint)
    body.add_freejoint(name="root")


def add_landmarks(
    spec: mujoco.MjSpec, landmarks: dict[str, LandmarkCfg], model: mujoco.MjModel, data: mujoco.MjData
) -> None:
    """Add a site ``landmark/<name>`` for each landmark, aligned with the world in the pose of ``data``."""
    for name, landmark in landmarks.items():
        body = spec.body(landmark.body)
        quaternion = np.zeros(4)
        mujoco.mju_negQuat(quaternion, data.xquat[model.body(landmark.body).id])
        body.add_site(name=f"landmark/{name}", pos=landmark.position, quat=quaternion, size=[0.01, 0, 0], group=4)


def add_capsules(spec: mujoco.MjSpec, capsules: dict[str, CapsuleCfg]) -> None:
    """Add massless contact capsules."""
    for name, capsule in capsules.items():
        spec.body(capsule.body).add_geom(
            name=name,
            type=mujoco.mjtGeom.mjGEOM_CAPSULE,
            fromto=[*capsule.start, *capsule.end],
            size=[capsule.radius_m, 0, 0],
            mass=0.0,
            margin=0.001,
            group=4,
            rgba=[0.8, 0.7, 0.5, 0.3],
        )


def set_contact(spec: mujoco.MjSpec, regions: dict[str, RegionCfg]) -> None:
    """Let the regions, and nothing else, touch the floor, and measure the force on each.

    A geom of a region touches the floor if it could collide in the source. Geoms of the body touch each other
    only through the explicit pairs of the source. The sensor ``contact/<region>`` is the net force of the
    floor on the region [N], its moment about a point [N m] and that point [m], in the world frame.
    """
    touching = {geom for region in regions.values() for geom in _region_geoms(spec, region)}
    for geom in spec.geoms:
        is_floor = geom.name == FLOOR
        collides = bool(geom.contype or geom.conaffinity)
        geom.contype = int(is_floor or (collides and geom in touching))
        geom.conaffinity = int(is_floor)
    for name, region in regions.items():
        spec.add_sensor(
            name=f"contact/{name}",
            type=mujoco.mjtSensor.mjSENS_CONTACT,
            # The floor comes first: the force is the one that the first object exerts on the second.
            objtype=mujoco.mjtObj.mjOBJ_GEOM,
            objname=FLOOR,
            reftype=mujoco.mjtObj.mjOBJ_BODY if region.body else mujoco.mjtObj.mjOBJ_XBODY,
            refname=region.body or region.subtree,
            intprm=[_WRENCH, _NET_FORCE, 1],
        )


def region_geom_ids(model: mujoco.MjModel, region: RegionCfg) -> np.ndarray:
    """Return the ids of the geoms of a region that can touch the floor."""
    bodies = {model.body(region.body or region.subtree).id}
    if region.subtree:
        for body in range(model.nbody):
            if model.body_parentid[body] in bodies:
                bodies.add(body)
    return np.flatnonzero(np.isin(model.geom_bodyid, list(bodies)) & (model.geom_contype > 0))


def _region_geoms(spec: mujoco.MjSpec, region: RegionCfg) -> list[mujoco.MjsGeom]:
    body = spec.body(region.body or region.subtree)
    return list(body.geoms) if region.body else list(body.find_all("geom"))
