"""A compiled model without what only muscles, paths and pictures need, made from its numbers."""

from dataclasses import dataclass

import mujoco
import numpy as np

from msemu.errors import MsemuError
from msemu.muscle.paths.parts import RigidParts, matrix_of, principal

_JOINT = ("type", "pos", "axis", "limited", "range", "actfrclimited", "actfrcrange", "margin", "group")
_GEOM = ("type", "contype", "conaffinity", "condim", "priority", "friction", "solmix", "margin", "gap", "size", "group")
_CONTACT = mujoco.mjtSensor.mjSENS_CONTACT
_PAIR = ("solref", "solreffriction", "solimp", "margin", "gap", "friction")


@dataclass(frozen=True)
class Lean:
    """A lean model and what of the whole one it holds.

    Attributes:
        model: The lean model: the same joints in the same order, one body for each rigid part and each body that can
            touch something, the geoms that do, and the contact sensors. No actuators, tendons and sites.
        parts: Which bodies of the whole model move as one.
        body: Body of the lean model that each body of the whole one belongs to, shape [B].
        geom: Geom of the lean model that each geom of the whole one is, -1 for none, shape [G].
    """

    model: mujoco.MjModel
    parts: RigidParts
    body: np.ndarray
    geom: np.ndarray


def make_lean(model: mujoco.MjModel) -> Lean:
    """Make the lean model of a compiled one.

    Raises:
        MsemuError: The model has equalities that are not between joints.
    """
    if (model.eq_type != mujoco.mjtEq.mjEQ_JOINT).any():
        raise MsemuError("a constraint is no coupling of joints")
    touching = _touching(model)
    # What regularizes a contact belongs to the body of the geom, so those bodies stay apart.
    parts = RigidParts.of(model, [*model.geom_bodyid[touching], *_measured(model)])
    roots = np.unique(parts.root)
    number = np.searchsorted(roots, parts.root)
    spec = mujoco.MjSpec()
    _copy_options(spec, model)
    bodies = _add_bodies(spec, model, parts, roots)
    meshes = _add_meshes(spec, model, touching)
    for geom in touching:
        _add_geom(bodies[number[model.geom_bodyid[geom]]], model, parts, geom, meshes)
    _add_rules(spec, model)
    lean = spec.compile()
    lean.body_invweight0[:] = model.body_invweight0[roots]
    numbers = np.full(model.ngeom, -1)
    numbers[touching] = [lean.geom(_geom_name(geom)).id for geom in touching]
    return Lean(lean, parts, number, numbers)


def _copy_options(spec: mujoco.MjSpec, model: mujoco.MjModel) -> None:
    spec.compiler.degree = False
    spec.compiler.boundmass = spec.compiler.boundinertia = 0.0
    for name in dir(model.opt):
        if not name.startswith("_") and hasattr(spec.option, name):
            setattr(spec.option, name, getattr(model.opt, name))


def _add_bodies(
    spec: mujoco.MjSpec, model: mujoco.MjModel, parts: RigidParts, roots: np.ndarray
) -> list[mujoco.MjsBody]:
    """Add a body with its joints for each rigid part; the world is the first."""
    bodies = [spec.worldbody]
    for root in roots[1:]:
        parent = model.body_parentid[root]
        owner = bodies[np.searchsorted(roots, parts.root[parent])]
        mass, center, axes, moments = _inertia(model, parts, np.flatnonzero(parts.root == root))
        body = owner.add_body(
            name=_body_name(root),
            pos=parts.point(parent, model.body_pos[root]),
            quat=parts.orientation(parent, model.body_quat[root]),
            mass=mass,
            ipos=center,
            iquat=axes,
            inertia=moments,
            explicitinertial=True,
            gravcomp=model.body_gravcomp[root],
        )
        start = model.body_jntadr[root]
        for joint in range(start, start + model.body_jntnum[root]):
            _add_joint(body, model, joint)
        bodies.append(body)
    return bodies


def _inertia(
    model: mujoco.MjModel, parts: RigidParts, bodies: np.ndarray
) -> tuple[float, np.ndarray, np.ndarray, np.ndarray]:
    """Return mass [kg], center [m], principal axes (w, x, y, z) and moments [kg m^2] of bodies that move as one."""
    if len(bodies) == 1:
        body = bodies[0]
        return model.body_mass[body], model.body_ipos[body], model.body_iquat[body], model.body_inertia[body]
    mass = model.body_mass[bodies]
    centers = np.stack([parts.point(body, model.body_ipos[body]) for body in bodies])
    total = float(mass.sum())
    center = mass @ centers / total if total else centers[0]
    inertia = np.zeros((3, 3))
    for body, share, offset in zip(bodies, mass, centers - center, strict=True):
        axes = parts.rotation[body] @ matrix_of(model.body_iquat[body])
        inertia += axes @ np.diag(model.body_inertia[body]) @ axes.T
        inertia += share * (offset @ offset * np.eye(3) - np.outer(offset, offset))
    moments, quaternion = principal(inertia)
    return total, center, quaternion, moments


def _add_joint(body: mujoco.MjsBody, model: mujoco.MjModel, joint: int) -> None:
    dof, place = model.jnt_dofadr[joint], model.jnt_qposadr[joint]
    same = {name: getattr(model, f"jnt_{name}")[joint] for name in _JOINT}
    is_free = model.jnt_type[joint] == mujoco.mjtJoint.mjJNT_FREE
    body.add_joint(
        name=model.joint(joint).name,
        **same,
        stiffness=[model.jnt_stiffness[joint], *model.jnt_stiffnesspoly[joint]],
        damping=[model.dof_damping[dof], *model.dof_dampingpoly[dof]],
        ref=0.0 if is_free else model.qpos0[place],
        springref=0.0 if is_free else model.qpos_spring[place],
        armature=model.dof_armature[dof],
        frictionloss=model.dof_frictionloss[dof],
        solref_limit=model.jnt_solref[joint],
        solimp_limit=model.jnt_solimp[joint],
        solref_friction=model.dof_solref[dof],
        solimp_friction=model.dof_solimp[dof],
    )


def _touching(model: mujoco.MjModel) -> np.ndarray:
    """Return the geoms that can touch another one, shape [N]."""
    able = (model.geom_contype > 0) | (model.geom_conaffinity > 0)
    able[model.pair_geom1] = able[model.pair_geom2] = True
    return np.flatnonzero(able)


def _add_meshes(spec: mujoco.MjSpec, model: mujoco.MjModel, geoms: np.ndarray) -> dict[int, str]:
    """Add the meshes of some geoms, in the frame in which the compiler has left them; return their names."""
    meshes = {int(mesh): f"mesh {mesh}" for mesh in np.unique(model.geom_dataid[geoms]) if mesh >= 0}
    for mesh, name in meshes.items():
        vertices = model.mesh_vert[model.mesh_vertadr[mesh] :][: model.mesh_vertnum[mesh]]
        faces = model.mesh_face[model.mesh_faceadr[mesh] :][: model.mesh_facenum[mesh]]
        spec.add_mesh(name=name, uservert=vertices.ravel(), userface=faces.ravel())
    return meshes


def _add_geom(
    body: mujoco.MjsBody, model: mujoco.MjModel, parts: RigidParts, geom: int, meshes: dict[int, str]
) -> None:
    owner = model.geom_bodyid[geom]
    added = body.add_geom(
        name=_geom_name(geom),
        **{name: getattr(model, f"geom_{name}")[geom] for name in _GEOM},
        pos=parts.point(owner, model.geom_pos[geom]),
        quat=parts.orientation(owner, model.geom_quat[geom]),
        mass=0.0,
        solref=model.geom_solref[geom],
        solimp=model.geom_solimp[geom],
    )
    if model.geom_dataid[geom] >= 0:
        added.meshname = meshes[int(model.geom_dataid[geom])]


def _add_rules(spec: mujoco.MjSpec, model: mujoco.MjModel) -> None:
    """Add couplings, pairs, exclusions and contact sensors."""
    for row in range(model.neq):
        spec.add_equality(
            type=model.eq_type[row],
            objtype=mujoco.mjtObj.mjOBJ_JOINT,
            name1=model.joint(model.eq_obj1id[row]).name,
            name2=model.joint(model.eq_obj2id[row]).name if model.eq_obj2id[row] >= 0 else "",
            data=model.eq_data[row],
            active=bool(model.eq_active0[row]),
            solref=model.eq_solref[row],
            solimp=model.eq_solimp[row],
        )
    for pair in range(model.npair):
        spec.add_pair(
            geomname1=_geom_name(model.pair_geom1[pair]),
            geomname2=_geom_name(model.pair_geom2[pair]),
            condim=model.pair_dim[pair],
            **{name: getattr(model, f"pair_{name}")[pair] for name in _PAIR},
        )
    for sensor in np.flatnonzero(model.sensor_type == _CONTACT):
        spec.add_sensor(
            name=model.sensor(sensor).name,
            type=_CONTACT,
            objtype=model.sensor_objtype[sensor],
            objname=_geom_name(model.sensor_objid[sensor]),
            reftype=model.sensor_reftype[sensor],
            refname=_body_name(model.sensor_refid[sensor]),
            intprm=model.sensor_intprm[sensor],
        )


def _measured(model: mujoco.MjModel) -> np.ndarray:
    """Return the bodies whose contact a sensor measures."""
    return model.sensor_refid[model.sensor_type == _CONTACT]


def _geom_name(geom: int) -> str:
    return f"geom {geom}"


def _body_name(body: int) -> str:
    return f"body {body}"
