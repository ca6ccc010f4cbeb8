"""The validator: what is wrong or noteworthy in a body."""

from dataclasses import replace
from fnmatch import fnmatchcase

import mujoco
import numpy as np

from msemu.findings import Finding, Severity, worst_first
from msemu.models.body import Body
from msemu.models.checks.muscles import check_muscles
from msemu.models.checks.segments import check_segments
from msemu.models.checks.strength import check_strength
from msemu.models.checks.symmetry import check_symmetry
from msemu.models.checks.wraps import check_wraps
from msemu.models.poses import dependent_ranges, random_poses, scalar_joints

_ADULT_MASS_KG = (40.0, 130.0)
_LIGHT = 2e-3 / 75.0
"""A body of less than this share of the whole, 2 g of 75 kg, is noted where it moves on its own joint."""
_RESIDUAL = 1e-6  # rad or m
_LIMIT_EXCESS = 1e-3  # rad or m


def check_body(body: Body) -> list[Finding]:
    """Validate a body; the worst findings come first.

    Compared are left and right, muscles over random poses, couplings, mass and inertia, segments with
    anthropometry, moment arms and isometric moments with published ones, and muscle lengths while each joint goes
    through its range.
    """
    mechanics = [*_mass(body), *check_segments(body), *_inertia(body), *_couplings(body)]
    reasons = body.recipe.reasons if body.recipe else {}
    findings = [*mechanics, *check_symmetry(body), *check_muscles(body), *check_strength(body), *check_wraps(body)]
    return worst_first(_with_reason(finding, reasons) for finding in findings)


def _with_reason(finding: Finding, reasons: dict[str, str]) -> Finding:
    """Add why the recipe leaves it as it is; with a reason it is no error any more."""
    title = f"{finding.check} {finding.subject}"
    reason = next((reason for pattern, reason in reasons.items() if fnmatchcase(title, pattern)), None)
    if reason is None:
        return finding
    severity: Severity = "warning" if finding.severity == "error" else finding.severity
    return replace(finding, severity=severity, message=f"{finding.message} ({reason})")


def _mass(body: Body) -> list[Finding]:
    total = float(body.model.body_mass.sum())
    plausible = _ADULT_MASS_KG[0] <= total <= _ADULT_MASS_KG[1]
    message = f"{total:.1f} kg" + ("" if plausible else f", not that of an adult {_ADULT_MASS_KG} kg")
    return [Finding("note" if plausible else "warning", "mass", "total mass", message, total)]


def _inertia(body: Body) -> list[Finding]:
    """Compare the radius of gyration of each body with its size."""
    model = body.model
    findings = []
    for index in range(1, model.nbody):
        mass, inertia = model.body_mass[index], model.body_inertia[index].max()
        radius = np.sqrt(inertia / mass) if mass > 0 else np.inf
        size = max(_size(model, index), 0.1)
        if radius > 1.5 * size and inertia > 5e-4:
            message = (
                f"rotational inertia {inertia:.3g} kg m^2 on {mass:.3g} kg:"
                f" radius of gyration {radius:.2f} m, size {size:.2f} m"
            )
            severity: Severity = "error" if inertia > 0.1 else "warning" if inertia > 0.01 else "note"
            findings.append(Finding(severity, "inertia", model.body(index).name, message, float(radius)))
        if mass < _LIGHT * body.mass and model.body_jntnum[index] > 0 and model.body_parentid[index] > 0:
            message = f"moves on its own joint with a mass of {mass * 1e3:.1f} g and {inertia:.1e} kg m^2"
            findings.append(Finding("note", "massless body", model.body(index).name, message, float(mass)))
    return findings


def _size(model: mujoco.MjModel, body: int) -> float:
    """Distance of the farthest geom surface or child body from the center of mass of a body [m]."""
    geoms = np.flatnonzero(model.geom_bodyid == body)
    children = np.flatnonzero(model.body_parentid == body)
    reach = np.linalg.norm(model.geom_pos[geoms] - model.body_ipos[body], axis=1) + model.geom_rbound[geoms]
    joints = np.linalg.norm(model.body_pos[children] - model.body_ipos[body], axis=1)
    return float(np.concatenate([reach, joints, [0.0]]).max())


def _couplings(body: Body) -> list[Finding]:
    """Check that the couplings can be met, and that they keep within the limits of the dependent joints."""
    model = body.model
    data = mujoco.MjData(model)
    poses = random_poses(model, 20, seed=2)
    joints = scalar_joints(model)
    names = [model.joint(joint).name for joint in joints]
    units = ["m" if kind == mujoco.mjtJoint.mjJNT_SLIDE else "rad" for kind in model.jnt_type[joints]]

    residual = np.zeros(len(body.couplings.dependent))
    for pose in poses:
        data.qpos = pose
        mujoco.mj_fwdPosition(model, data)
        is_equality = data.efc_type == mujoco.mjtConstraint.mjCNSTR_EQUALITY
        residual = np.maximum(residual, np.abs(data.efc_pos[is_equality]))
    findings = []
    for joint, value in zip(body.couplings.dependent - 7, residual, strict=True):
        if value > _RESIDUAL:
            message = f"MuJoCo leaves a residual of {value:.1e} {units[joint]} after projection"
            findings.append(Finding("error", "coupling", names[joint], message, float(value)))

    dependent, (low, high) = (part.T for part in dependent_ranges(model))
    limits = model.jnt_range[dependent].T
    excess = np.maximum(limits[0] - low, high - limits[1]) * model.jnt_limited[dependent]
    for joint, value in zip(dependent - 1, excess, strict=True):
        if value > _LIMIT_EXCESS:
            message = f"its coupling leads {value:.3f} {units[joint]} beyond its range"
            findings.append(Finding("warning", "coupling", names[joint], message, float(value)))
    return findings
