"""A body in another size: every length, mass, path and muscle of the finished model, segment by segment."""

from dataclasses import replace

import mujoco
import numpy as np

from msemu.errors import MsemuError
from msemu.models.anatomy.person import body_factors, joint_factors
from msemu.models.anatomy.sizes import ScaleCfg
from msemu.models.couplings import Couplings
from msemu.models.muscle_paths import muscle_lengths, tendon_lengths
from msemu.models.recipe import Recipe
from msemu.muscle.parameters import MuscleParameters

FORCE_EXPONENT = 2 / 3
"""Forces grow as the cross section of muscles does: with the mass to this power."""
_BUILD = (0.5, 2.0)
"""Least and greatest mass per cubed length, as a factor."""
_EQUALITY = mujoco.mjtEq
_MESH = (
    *("file", "content_type", "refpos", "refquat", "inertia", "smoothnormal", "maxhullvert", "material"),
    *("uservert", "usernormal", "usertexcoord", "userface", "userfacenormal", "userfacetexcoord"),
)
"""What a copy of a mesh has in common with it."""
_FORCE = 2  # place of the maximal isometric force in the parameters of a muscle


def scale_body(
    spec: mujoco.MjSpec, recipe: Recipe, model: mujoco.MjModel, neutral: np.ndarray
) -> tuple[Recipe, mujoco.MjModel, np.ndarray]:
    """Give a finished body the size that its recipe says.

    Each body has one factor for all lengths in its frame: of points, joint anchors, geoms, meshes and centers of mass.
    Where a child begins, and how far it slides, is in its parent's frame. All masses have the same factor, so that the
    shares of the segments stay. The lengths of a fiber and of its tendon grow as the muscle's path does in the neutral
    pose, forces by the mass to the power of `FORCE_EXPONENT`.

    Args:
        spec: The finished specification, which is edited.
        recipe: What it was made by, with a scale.
        model: What ``spec`` compiles to.
        neutral: Its neutral pose, shape [nq].

    Returns:
        The recipe with its points in the new size, the compiled model and its neutral pose.

    Raises:
        MsemuError: A mass is implausible for the size, or a constraint is of a kind that has no size.
    """
    assert recipe.scale is not None
    mass = _mass_factor(recipe.scale, model)
    factors = body_factors(model, recipe)
    slides = joint_factors(model, factors)
    _scale_masses(spec, model, factors, mass)
    _scale_places(spec, model, factors)
    _scale_joints(spec, slides)
    _scale_constraints(spec, model, factors, slides)
    _scale_meshes(spec, factors)
    sized = spec.compile()
    pose = neutral.copy()
    pose[sized.jnt_qposadr] *= slides
    pose = Couplings.of(sized).project(pose)
    _scale_muscles(spec, model, _lengths(model, neutral), _lengths(sized, pose), mass**FORCE_EXPONENT)
    return _in_size(recipe, model, factors), spec.compile(), pose


def _mass_factor(scale: ScaleCfg, model: mujoco.MjModel) -> float:
    present = float(model.body_mass.sum())
    factor = scale.mass_kg / present if scale.mass_kg else scale.length**3
    build, (least, greatest) = factor / scale.length**3, _BUILD
    if not least <= build <= greatest:
        raise MsemuError(
            f"scale: {scale.mass_kg:g} kg at {scale.length:.3g} times the length of a body of {present:.1f} kg is"
            f" {build:.2g} times its mass per cubed length; from {least:g} to {greatest:g} can be scaled"
        )
    return factor


def _scale_masses(spec: mujoco.MjSpec, model: mujoco.MjModel, factors: np.ndarray, mass: float) -> None:
    """Set all masses in the specification, and what a compiler would make of them aside."""
    compiler = spec.compiler
    compiler.inertiafromgeom, compiler.settotalmass, compiler.boundmass, compiler.boundinertia = 0, -1.0, 0.0, 0.0
    for body in spec.bodies[1:]:
        length = factors[body.id]
        moments = mass * length**2 * model.body_inertia[body.id]
        largest = moments.argmax()
        moments[largest] = min(moments[largest], np.delete(moments, largest).sum())  # which rounding may exceed
        body.explicitinertial = True
        body.fullinertia = [np.nan] * 6
        body.mass, body.inertia = mass * model.body_mass[body.id], moments
        body.ipos, body.iquat = length * model.body_ipos[body.id], model.body_iquat[body.id]


def _scale_places(spec: mujoco.MjSpec, model: mujoco.MjModel, factors: np.ndarray) -> None:
    """Scale where things are within their bodies, and their sizes."""
    for body in spec.bodies[1:]:
        body.pos = factors[model.body_parentid[body.id]] * body.pos
    for body in spec.bodies:
        factor = factors[body.id]
        for part in (*body.geoms, *body.sites):
            part.pos, part.size, part.fromto = factor * part.pos, factor * part.size, factor * part.fromto
        for part in (*body.joints, *body.frames, *body.cameras, *body.lights):
            part.pos = factor * part.pos


def _scale_joints(spec: mujoco.MjSpec, slides: np.ndarray) -> None:
    for joint in spec.joints:
        if (factor := slides[joint.id]) != 1.0:
            joint.range, joint.ref, joint.springref = factor * joint.range, factor * joint.ref, factor * joint.springref


def _scale_constraints(spec: mujoco.MjSpec, model: mujoco.MjModel, factors: np.ndarray, slides: np.ndarray) -> None:
    """Scale the polynomials that couple joints, and the points at which bodies are held together."""
    for equality in spec.equalities:
        data = np.copy(equality.data)
        if equality.type == _EQUALITY.mjEQ_JOINT:
            own, driver = (slides[spec.joint(name).id] if name else 1.0 for name in (equality.name1, equality.name2))
            data[:5] *= own / driver ** np.arange(5)
        elif equality.type in (_EQUALITY.mjEQ_CONNECT, _EQUALITY.mjEQ_WELD):
            if equality.objtype == mujoco.mjtObj.mjOBJ_BODY:
                first, second = (
                    factors[spec.body(name).id if name else 0] for name in (equality.name1, equality.name2)
                )
                data[:3] *= first if equality.type == _EQUALITY.mjEQ_CONNECT else second
                data[3:6] *= first
        else:
            raise MsemuError(f"the constraint '{equality.name}' holds neither joints nor bodies: it cannot be scaled")
        equality.data = data


def _scale_meshes(spec: mujoco.MjSpec, factors: np.ndarray) -> None:
    """Scale meshes; of one that bodies of several sizes share, all but the first get one of their own."""
    sizes: dict[str, dict[float, str]] = {}
    for body in spec.bodies:
        for geom in body.geoms:
            if geom.meshname:
                names, factor = sizes.setdefault(geom.meshname, {}), float(factors[body.id])
                own = geom.meshname if not names else f"{geom.meshname} x {factor:.9g}"
                geom.meshname = names.setdefault(factor, own)
    for name, names in sizes.items():
        mesh = spec.mesh(name)
        for factor, sized in names.items():
            if sized != name:
                spec.add_mesh(**{key: getattr(mesh, key) for key in _MESH}, name=sized, scale=factor * mesh.scale)
        mesh.scale = next(iter(names)) * mesh.scale


def _lengths(model: mujoco.MjModel, pose: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the lengths of tendons [m], shape [ntendon], and of actuators [m or rad], shape [nu], in a pose."""
    return tendon_lengths(model, pose[None])[0], muscle_lengths(model, pose[None])[0]


def _scale_muscles(
    spec: mujoco.MjSpec,
    model: mujoco.MjModel,
    before: tuple[np.ndarray, np.ndarray],
    after: tuple[np.ndarray, np.ndarray],
    strength: float,
) -> None:
    tendons, muscles = (
        np.divide(now, then, out=np.ones_like(then), where=then > 0) for then, now in zip(before, after, strict=True)
    )
    for tendon in spec.tendons:
        factor = tendons[tendon.id]
        if tendon.springlength[0] > 0:
            tendon.springlength = factor * tendon.springlength
        tendon.range = factor * tendon.range
    parameters = MuscleParameters.of(model)
    for index, muscle in enumerate(spec.actuators):
        muscle.lengthrange = muscles[index] * model.actuator_lengthrange[index]
        muscle.gainprm[_FORCE] = strength * parameters.max_isometric_force[index]
        muscle.biasprm[_FORCE] = strength * parameters.passive_max_isometric_force[index]


def _in_size(recipe: Recipe, model: mujoco.MjModel, factors: np.ndarray) -> Recipe:
    """Return the recipe of the scaled body, its points in the frames of that."""

    def sized(points: dict) -> dict:
        return {
            name: replace(point, position=tuple(factors[model.body(point.body).id] * np.array(point.position)))
            for name, point in points.items()
        }

    return replace(recipe, landmarks=sized(recipe.landmarks), points=sized(recipe.points), scale=None)
