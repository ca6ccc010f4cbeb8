"""Holding part of a body rigid, without joints and muscles."""

from copy import copy
from dataclasses import dataclass

import mujoco
import numpy as np

_GEOM_FIELDS = (
    *("name", "type", "size", "fromto", "pos", "quat", "meshname", "material", "rgba", "group"),
    *("contype", "conaffinity", "condim", "friction", "solref", "solimp", "margin", "gap"),
)


@dataclass
class _RigidBody:
    """A body frozen relative to its parent, with the geoms that are seen or that collide."""

    fields: dict[str, object]
    geoms: list[dict[str, object]]
    children: list["_RigidBody"]


def hold_subtree(spec: mujoco.MjSpec, body_name: str, model: mujoco.MjModel, data: mujoco.MjData) -> None:
    """Freeze the joint of a body and all joints below it in the pose of ``data``.

    The subtree is deleted, and MuJoCo deletes with it whatever refers to it: tendons with a path point on it, their
    muscles, couplings, explicit contact pairs. Then a copy is attached that has the same bodies, masses, bone meshes
    and contact geoms, each body at its pose relative to its parent. Muscles between the moving and the held part are
    gone as well; those that lie on the moving part only stay. ``model`` is what ``spec`` compiles to now.
    """
    body = spec.body(body_name)
    parent = body.parent
    rigid = _freeze(spec, body, model, data)
    spec.delete(body)
    _attach(parent, rigid)


def _freeze(spec: mujoco.MjSpec, body: mujoco.MjsBody, model: mujoco.MjModel, data: mujoco.MjData) -> _RigidBody:
    compiled = model.body(body.name)
    position, quaternion = relative_pose(data, compiled.parentid[0], compiled.id)
    fields = {
        "name": body.name,
        "pos": position,
        "quat": quaternion,
        "explicitinertial": True,
        "mass": float(compiled.mass[0]),
        "inertia": compiled.inertia.copy(),
        "ipos": compiled.ipos.copy(),
        "iquat": compiled.iquat.copy(),
    }
    geoms = [
        _geom_fields(spec, geom)
        for geom in body.geoms
        if geom.type == mujoco.mjtGeom.mjGEOM_MESH or geom.contype or geom.conaffinity
    ]
    return _RigidBody(fields, geoms, [_freeze(spec, child, model, data) for child in body.bodies])


def relative_pose(data: mujoco.MjData, parent: int, child: int) -> tuple[np.ndarray, np.ndarray]:
    """Return position [m] and quaternion (w, x, y, z) of a body in the frame of another one, by their ids."""
    to_parent = np.zeros(4)
    mujoco.mju_negQuat(to_parent, data.xquat[parent])
    position, quaternion = np.zeros(3), np.zeros(4)
    mujoco.mju_rotVecQuat(position, data.xpos[child] - data.xpos[parent], to_parent)
    mujoco.mju_mulQuat(quaternion, to_parent, data.xquat[child])
    return position, quaternion


def _geom_fields(spec: mujoco.MjSpec, geom: mujoco.MjsGeom) -> dict[str, object]:
    fields = {name: copy(getattr(geom, name)) for name in _GEOM_FIELDS}
    if geom.alt.type != mujoco.mjtOrientation.mjORIENTATION_QUAT:
        compiler = spec.compiler
        fields["quat"] = spec.resolve_orientation(compiler.degree, compiler.eulerseq, geom.alt)
    return fields


def _attach(parent: mujoco.MjsBody, rigid: _RigidBody) -> None:
    body = parent.add_body(**rigid.fields)
    for fields in rigid.geoms:
        body.add_geom(**fields)
    for child in rigid.children:
        _attach(body, child)
