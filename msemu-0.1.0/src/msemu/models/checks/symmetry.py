"""Checks of left against right."""

import mujoco
import numpy as np

from msemu.findings import Finding, Severity
from msemu.models.body import Body
from msemu.models.mirror import JointMirror, mirror_names, mirror_points
from msemu.models.poses import at_pose, scalar_joints

_POINT_WARNING_M = 0.003
_POINT_ERROR_M = 0.01
_RELATIVE = 0.01
_RANGE = 0.02  # rad or m


def check_symmetry(body: Body) -> list[Finding]:
    """Compare masses, joint ranges and muscle paths of the two sides."""
    model = body.model
    data = at_pose(model, body.neutral_qpos)
    return [*_masses(model), *_joint_ranges(model, data), *_paths(body, data)]


def _right_left_pairs(names: list[str]) -> list[tuple[int, int]]:
    """Return the index of the right and of the left member of each pair."""
    pairs = {frozenset(pair) for pair in mirror_names(names).items()}
    sides = (sorted(map(names.index, pair), key=lambda index: _is_left(names[index])) for pair in pairs)
    return sorted((right, left) for right, left in sides)


def _is_left(name: str) -> bool:
    return name.endswith(("_left", "_L", "_l")) or any(mark in name for mark in ("_l_", "_l-", "_l."))


def _masses(model: mujoco.MjModel) -> list[Finding]:
    names = [model.body(index).name for index in range(model.nbody)]
    findings = []
    for right, left in _right_left_pairs(names):
        masses = model.body_mass[[right, left]]
        if abs(masses[0] - masses[1]) > _RELATIVE * masses.max():
            message = f"has a mass of {masses[1]:.4f} kg, {names[right]} {masses[0]:.4f} kg"
            findings.append(Finding("warning", "mass", names[left], message, float(masses[1] - masses[0])))
    return findings


def _joint_ranges(model: mujoco.MjModel, data: mujoco.MjData) -> list[Finding]:
    joints = scalar_joints(model)
    mirror = JointMirror.of(model, data)
    ranges = model.jnt_range[joints]
    findings = []
    for index, (partner, sign) in enumerate(zip(mirror.partner, mirror.sign, strict=True)):
        name, other = model.joint(joints[index]).name, model.joint(joints[partner]).name
        image = ranges[partner] if sign > 0 else -ranges[partner][::-1]
        gap = float(np.abs(ranges[index] - image).max())
        if partner > index and gap > _RANGE:
            sense = " in the opposite sense" if sign < 0 else ""
            message = f"has the range {ranges[partner].round(3)}, {name} {ranges[index].round(3)}{sense}"
            findings.append(Finding("warning", "joint range", other, message, gap))
        angle = float(np.rad2deg(mirror.misalignment[index]))
        if partner > index and angle > 1:
            message = f"its axis is {angle:.1f} degrees from the mirror image of the axis of {name}"
            findings.append(Finding("error", "joint axis", other, message, angle))
    return findings


def _paths(body: Body, data: mujoco.MjData) -> list[Finding]:
    model = body.model
    findings = {}
    for right, left in _right_left_pairs(list(body.muscle_names)):
        tendons = model.actuator_trnid[[right, left], 0]
        first, counts = model.tendon_adr[tendons], model.tendon_num[tendons]
        if counts[0] != counts[1]:
            message = f"its path has {counts[1]} elements, that of {body.muscle_names[right]} {counts[0]}"
            name = body.muscle_names[left]
            findings[name] = Finding("error", "muscle path", name, message, float(counts[1] - counts[0]))
            continue
        for step in range(counts[0]):
            found = _path_point(model, data, first[0] + step, first[1] + step)
            if found is not None:
                findings.setdefault(found.subject, found)
    return list(findings.values())


def _path_point(model: mujoco.MjModel, data: mujoco.MjData, right: int, left: int) -> Finding | None:
    """Compare one element of two mirrored paths."""
    is_site = model.wrap_type[left] == mujoco.mjtWrap.mjWRAP_SITE
    positions, local = (data.site_xpos, model.site_pos) if is_site else (data.geom_xpos, model.geom_pos)
    element = model.site if is_site else model.geom
    ids = model.wrap_objid[[right, left]]
    names = [element(index).name for index in ids]
    gap = float(np.linalg.norm(positions[ids[1]] - mirror_points(positions[ids[0]])))
    if gap < _POINT_WARNING_M:
        return None
    message = f"is {gap * 100:.1f} cm from the mirror image of {names[0]}"
    if np.linalg.norm(positions[ids[1]] - positions[ids[0]]) < _POINT_WARNING_M:
        side = "right" if positions[ids[0], 1] < 0 else "left"
        message += f": both lie at the same place on the {side} side"
    elif np.allclose(local[ids[1]], local[ids[0]]):
        message += ": the same coordinates in the mirrored body, the lateral sign was not changed"
    severity: Severity = "error" if gap > _POINT_ERROR_M else "warning"
    return Finding(severity, "muscle path", names[1], message, gap)
