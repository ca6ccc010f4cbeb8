"""The figures of an atlas: of all distinct solutions together, and of each solution beside the base."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from msemu.analysis.solutions.measures import (
    activation_distance,
    co_contraction,
    correlation,
    participation_ratio,
    principal_angles,
    spectrum,
    torque_weights,
)
from msemu.analysis.study.atlas import BASE, Atlas, pairwise

_COMPONENTS, _SHARES = 3, 5
_COMPARED = (
    "angle_difference_deg",
    "angle_r",
    "angle_spread_deg",
    "ground_difference_bw",
    "ground_r",
    "ground_spread_bw",
)
"""What a solution's movement is beside the base's, and beside its own from cycle to cycle."""


def figures_of(atlas: Atlas) -> dict[str, Any]:
    """Return the figures of the study."""
    distinct, courses = atlas.distinct, atlas.courses
    apart = _pairs(pairwise(courses.activation[distinct]))
    weights = torque_weights(atlas.matrix)
    weighted = _pairs(pairwise(courses.activation[distinct], weights))
    table = [_row(atlas, place) for place in range(len(atlas.names))]
    others = [table[place] for place in distinct if place]
    _, variances = atlas.map()
    return {
        "solutions": len(atlas.kept),
        "tried": len(atlas.names),
        "distinct_solutions": len(distinct),
        "tolerances": vars(atlas.tolerances),
        "spread_of_one_policy": {"median": _median(atlas.spread[atlas.kept]), BASE: float(atlas.spread[0])},
        "activation_rms": float(np.sqrt(np.nanmean(np.square(courses.activation[0])))),
        "median_activation_distance": _median(apart),
        "median_weighted_activation_distance": _median(weighted),
        "null_space_share": _median([row["null_space_share"] for row in others]),
        "map_component_shares": _shares(variances),
        "map_participation_ratio": participation_ratio(variances),
        "survival": float(courses.survived[distinct].mean()) if len(distinct) else None,
        "joint_reaction_peak_bw": _spans(atlas.loads.bearing, [atlas.peaks(place) for place in distinct]),
        "joint_stiffness_nm_rad": _spans(atlas.loads.stiff, [atlas.stiffness(place) for place in distinct]),
        **{name: _median([row[name] for row in others]) for name in _COMPARED},
        **vars(atlas.muscle_mass),
        "left_out": {
            reason: sum(reason in each for each in atlas.reasons) for reason in ("falls", "kinematics", "ground force")
        },
        "table": table,
    }


def _row(atlas: Atlas, place: int) -> dict[str, Any]:
    """Return the figures of one solution; those that compare are with the base."""
    courses = atlas.courses
    known = bool(atlas.seen[place])
    mine, base = courses.activation[place], courses.activation[0]
    torques = atlas.matrix * np.nan_to_num(mine)[:, None]
    return {
        "name": atlas.names[place],
        "kept": not atlas.reasons[place],
        "distinct": place in atlas.distinct,
        "left_out_for": atlas.reasons[place],
        "survival": courses.survived[place],
        "error_deg": courses.error_deg[place],
        "angle_difference_deg": atlas.angle_difference[place],
        "angle_r": correlation(courses.angle_deg[place], courses.angle_deg[0]),
        "angle_spread_deg": np.sqrt(2.0 * courses.angle_variance[place]),
        "ground_difference_bw": atlas.ground_difference[place],
        "ground_r": correlation(courses.ground_bw[place], courses.ground_bw[0]),
        "ground_spread_bw": np.sqrt(2.0 * courses.ground_variance[place]),
        "activation_distance": np.sqrt(np.square(activation_distance(mine, base)).mean()),
        "spread": atlas.spread[place],
        "null_space_share": atlas.null_share(place) if known and place else None,
        "manifold_index": courses.manifold_index[place],
        "participation_ratio": participation_ratio(spectrum(mine)) if known else None,
        "component_shares": _shares(spectrum(mine)) if known else None,
        "principal_angles_deg": np.degrees(principal_angles(mine, base, _COMPONENTS)).tolist() if known else None,
        "co_contraction": co_contraction(torques).mean() if known else None,
        "joint_reaction_peak_bw": _named(atlas.loads.bearing, atlas.peaks(place)) if known else None,
        "joint_stiffness_nm_rad": _named(atlas.loads.stiff, atlas.stiffness(place)) if known else None,
        "effort": courses.effort[place],
        "power_w": courses.power_w[place],
        "metabolic_w": courses.metabolic_w[place],
        "metabolic_ratio": courses.metabolic_w[place] / courses.metabolic_w[0],
    }


def _shares(variances: np.ndarray) -> list[float]:
    """Return the shares of the first principal components."""
    return (variances[:_SHARES] / max(variances.sum(), 1e-300)).tolist()


def _pairs(distances: np.ndarray) -> np.ndarray:
    return distances[np.triu_indices(len(distances), 1)]


def _median(values: Any) -> float | None:
    return float(np.median(values)) if len(values) else None


def _named(names: Sequence[str], values: np.ndarray) -> dict[str, float]:
    return dict(zip(names, values.tolist(), strict=True))


def _spans(names: Sequence[str], rows: Sequence[np.ndarray]) -> dict[str, dict[str, float]]:
    """Return least, median and greatest of the values of solutions, each of the shape [K], by name."""
    return {
        name: {"least": float(np.min(each)), "median": float(np.median(each)), "most": float(np.max(each))}
        for name, each in zip(names, np.array(rows).T, strict=False)
    }
