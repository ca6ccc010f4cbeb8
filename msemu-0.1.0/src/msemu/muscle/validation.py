"""Are the parameters of each muscle those of a muscle?"""

import numpy as np

from msemu.errors import MsemuError
from msemu.findings import Finding
from msemu.muscle import in_numpy as reference
from msemu.muscle.parameters import MuscleParameters

MAX_PENNATION_ANGLE = float(np.arccos(0.1))
"""Steepest fiber that the levels simulate [rad], 84.3 degrees (Millard et al. 2013, doi 10.1115/1.4023390)."""

_POSITIVE = (
    "max_isometric_force",
    "optimal_fiber_length",
    "max_contraction_velocity",
    "fiber_damping",
    "tendon_strain",
    "activation_time",
    "deactivation_time",
    "passive_max_isometric_force",
    "passive_optimal_fiber_length",
)
_SYMMETRIC = (
    "max_isometric_force",
    "optimal_fiber_length",
    "tendon_slack_length",
    "pennation_angle",
    "max_contraction_velocity",
)
_FIBER_RANGE = (0.5, 1.6)
_GREATEST_FORCE = 2.0
_ASYMMETRY = 0.01


def require_simulable(parameters: MuscleParameters) -> None:
    """Refuse a table with which no level can compute a force.

    Raises:
        MsemuError: A value that must be positive is not, or a pennation angle is out of range; names the first muscle.
    """
    for column in _POSITIVE:
        values = getattr(parameters, column)
        _refuse(parameters, column, ~(values > 0) | ~np.isfinite(values), "must be a positive number")
    for column in ("tendon_slack_length", "passive_tendon_slack_length", "activation_smoothing"):
        _refuse(parameters, column, ~np.isfinite(getattr(parameters, column)), "must be a number")
    angle = parameters.pennation_angle
    _refuse(parameters, "pennation_angle", ~((angle >= 0) & (angle < MAX_PENNATION_ANGLE)), "must lie in 0 to 1.47 rad")
    _refuse(parameters, "lmin", ~(parameters.lmin < 1), "must be below 1")
    for column in ("lmax", "passive_lmax", "fvmax"):
        _refuse(parameters, column, ~(getattr(parameters, column) > 1), "must be above 1")


def find_implausible(
    parameters: MuscleParameters, muscle_lengths: np.ndarray, mirrored: dict[str, str]
) -> list[Finding]:
    """List what is implausible about each muscle.

    The muscle-tendon lengths [m], shape [N, M], are those of poses that cover the joints' ranges; ``mirrored`` gives
    the muscle of the other side by name.
    """
    return [
        *_negative_slack(parameters),
        *fiber_range(parameters, muscle_lengths),
        *_equilibrium(parameters, muscle_lengths),
        *asymmetry(parameters, mirrored),
    ]


def _refuse(parameters: MuscleParameters, column: str, bad: np.ndarray, rule: str) -> None:
    if bad.any():
        index = int(np.argmax(bad))
        value, source = getattr(parameters, column)[index], parameters.sources[column][index]
        raise MsemuError(
            f"muscle '{parameters.names[index]}': {column} {rule}, not {value:.4g} (from {source});"
            " correct the model or override it with a parameter file"
        )


def _negative_slack(parameters: MuscleParameters) -> list[Finding]:
    message = (
        "tendon slack length {:.4f} m is negative: the fiber is longer than its path, the tendon is taken as rigid"
    )
    return [
        Finding("warning", "tendon slack length", name, message.format(length), float(length))
        for name, length in zip(parameters.names, parameters.tendon_slack_length, strict=True)
        if length < 0
    ]


def fiber_range(parameters: MuscleParameters, muscle_lengths: np.ndarray) -> list[Finding]:
    """Find muscles whose fiber leaves its plausible length; arguments as of `find_implausible`."""
    lengths = reference.rigid_fiber_length(parameters, muscle_lengths)
    outside = (lengths < _FIBER_RANGE[0]) | (lengths > _FIBER_RANGE[1])
    findings = []
    for name, values, share in zip(parameters.names, lengths.T, outside.mean(0), strict=True):
        if share > 0:
            extreme = values[np.abs(values - np.mean(_FIBER_RANGE)).argmax()]
            message = (
                f"fiber {values.min():.2f} to {values.max():.2f} of its optimal length, outside"
                f" {_FIBER_RANGE[0]} to {_FIBER_RANGE[1]} in {share:.0%} of poses"
            )
            findings.append(Finding("warning", "fiber length", name, message, float(extreme)))
    return findings


def _equilibrium(parameters: MuscleParameters, muscle_lengths: np.ndarray) -> list[Finding]:
    """Find muscles that are slack at their longest when active, or strong at their shortest when at rest."""
    longest = _held_force(parameters, 1.0, muscle_lengths.max(0))
    shortest = _held_force(parameters, 0.0, muscle_lengths.min(0))
    findings = []
    for name, active, passive in zip(parameters.names, longest, shortest, strict=True):
        if active <= 0:
            message = "is slack in every pose: it has no force however active"
            findings.append(Finding("error", "equilibrium", name, message, float(active)))
        if passive > _GREATEST_FORCE:
            message = f"pulls with {passive:.1f} times its maximum isometric force in every pose even at rest"
            findings.append(Finding("error", "equilibrium", name, message, float(passive)))
    return findings


def _held_force(parameters: MuscleParameters, activation: float, lengths: np.ndarray) -> np.ndarray:
    """Return the force [F0] of muscles held at a length [m]."""
    held = reference.elastic_equilibrium(parameters, np.full_like(lengths, activation), lengths, np.zeros_like(lengths))
    return held.force / parameters.max_isometric_force


def asymmetry(parameters: MuscleParameters, mirrored: dict[str, str]) -> list[Finding]:
    """Find muscles that differ from that of the other side; arguments as of `find_implausible`."""
    findings = []
    index = {name: position for position, name in enumerate(parameters.names)}
    for name, other in mirrored.items():
        if name not in index or other not in index or index[name] < index[other]:
            continue
        for column in _SYMMETRIC:
            value, other_value = getattr(parameters, column)[[index[name], index[other]]]
            gap = abs(value - other_value) / max(abs(value), abs(other_value), 1e-9)
            if gap > _ASYMMETRY:
                message = f"{column} is {value:.4g}, that of {other} {other_value:.4g}"
                findings.append(Finding("warning", "asymmetry", name, message, float(gap)))
    return findings
