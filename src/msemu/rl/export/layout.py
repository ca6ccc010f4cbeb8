"""What each column of the observations is, with its unit."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from msemu.envs.motion_tracking import MotionTrackingEnv
from msemu.envs.observations import STRAIN_SCALE, VELOCITY_SCALE
from msemu.models.anatomy.landmarks import LANDMARKS


class Block(NamedTuple):
    """Columns that stand side by side: a quantity, its unit, and what it is of (``joint``, ``muscle``, ...)."""

    quantity: str
    unit: str
    of: tuple[str, ...]


_TILT = ("tangent_x", "tangent_y", "tangent_z", "normal_x", "normal_y", "normal_z")
_AXES = ("x", "y", "z")


def layout(env: MotionTrackingEnv, groups: list[str]) -> list[dict[str, Any]]:
    """Return the columns that the policy sees, in order: group, quantity, unit, first column, number, names."""
    found, first = [], 0
    for group in groups:
        width = env.get_observations()[group].shape[1]
        blocks = list(_BLOCKS[group](env)) if group in _BLOCKS else [Block(group, "", ("",) * width)]
        assert sum(len(block.of) for block in blocks) == width, group
        scale = env.cfg.env.observations[group].scale
        for block in blocks:
            columns = {"first": first, "count": len(block.of), "scale": scale, "of": list(block.of)}
            found.append({"group": group, "quantity": block.quantity, "unit": block.unit, **columns})
            first += len(block.of)
    return found


def _proprioception(env: MotionTrackingEnv) -> Iterator[Block]:
    joints = _joints(env)
    yield Block("pelvis height", "m", ("pelvis",))
    yield Block("pelvis rotation, first and last axis, heading frame", "-", _TILT)
    yield Block("joint position", "rad or m", joints)
    yield Block("joint velocity", f"{1 / VELOCITY_SCALE:g} rad/s or m/s", joints)
    yield Block("pelvis velocity", "m/s", _AXES)
    yield Block("pelvis angular velocity", f"{1 / VELOCITY_SCALE:g} rad/s", _AXES)
    yield Block("landmark from pelvis", "m", _each(LANDMARKS))
    yield Block("contact force", "body weights", _each(env.sim.contact_regions))


def _muscle(env: MotionTrackingEnv) -> Iterator[Block]:
    names = env.body.muscle_names
    yield Block("fiber length less 1, tendon taken as rigid", "optimal fiber lengths", names)
    yield Block("fiber velocity, tendon taken as rigid", f"{1 / VELOCITY_SCALE:g} optimal fiber lengths/s", names)
    yield Block("force", "greatest isometric forces", names)
    yield Block("activation", "-", names)


def _fiber(env: MotionTrackingEnv) -> Iterator[Block]:
    names = env.body.muscle_names
    yield Block("fiber length less 1", "optimal fiber lengths", names)
    yield Block("fiber velocity", "greatest shortening velocities", names)
    yield Block("tendon strain", f"1/{STRAIN_SCALE:g}", names)


def _reference(env: MotionTrackingEnv) -> Iterator[Block]:
    ahead = ["+0", *(f"{frame:+d}" for frame in env.cfg.env.observations["reference"].options["future_frames"])]
    joints = _joints(env)
    yield Block("reference pelvis from pelvis", "m", _at(ahead, _AXES))
    yield Block("reference landmark from reference pelvis", "m", _at(ahead, _each(LANDMARKS)))
    yield Block("reference pelvis rotation, first and last axis, heading frame", "-", _at(ahead, _TILT))
    yield Block("reference joint position less that of the body", "rad or m", _at(ahead, joints))
    yield Block("phase", "-", ("sine", "cosine"))


_BLOCKS = {"proprioception": _proprioception, "muscle": _muscle, "fiber": _fiber, "reference": _reference}


def _joints(env: MotionTrackingEnv) -> tuple[str, ...]:
    return tuple(env.body.joint_names[index] for index in env.body.independent_joints)


def _each(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"{name}_{axis}" for name in names for axis in _AXES)


def _at(frames: list[str], names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"{name} {frame}" for frame in frames for name in names)
