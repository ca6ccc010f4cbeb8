"""The report of a study as one HTML file."""

import math
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any

from msemu.analysis.report.page import document, svg, table_of
from msemu.analysis.study.atlas import Atlas
from msemu.analysis.study.figures import map_figure, movement_figure, muscle_figure

_SUMMARY = {
    "tried": "preferences tried",
    "solutions": "solutions that make the movement",
    "distinct_solutions": "distinct solutions",
    "median_activation_distance": "activation distance of two distinct ones, median",
    "activation_rms": "activation of the base, root mean square",
    "null_space_share": "null-space share of their difference from the base, median",
    "angle_difference_deg": "joint angles beside the base's [deg], median",
    "angle_r": "their correlation, median",
    "angle_spread_deg": "joint angles of two cycles of one solution [deg], median",
    "ground_difference_bw": "ground force beside the base's [BW], median",
    "ground_r": "its correlation, median",
    "ground_spread_bw": "ground force of two cycles of one solution [BW], median",
    "map_component_shares": "shares of the map's first components",
    "map_participation_ratio": "participation ratio of the map",
    "survival": "survival of the distinct solutions",
}
_COLUMNS = {
    "name": "preference",
    "left_out_for": "left out for",
    "distinct": "distinct",
    "survival": "survival",
    "error_deg": "error [deg]",
    "angle_difference_deg": "angles beside the base's [deg]",
    "angle_r": "r",
    "angle_spread_deg": "angles of two cycles [deg]",
    "ground_difference_bw": "ground force beside the base's [BW]",
    "ground_r": "r",
    "ground_spread_bw": "ground force of two cycles [BW]",
    "activation_distance": "activation distance",
    "spread": "spread of one policy",
    "null_space_share": "null-space share",
    "manifold_index": "manifold index",
    "participation_ratio": "participation ratio",
    "component_shares": "shares of the first components",
    "principal_angles_deg": "principal angles to the base's [deg]",
    "co_contraction": "co-contraction",
    "joint_reaction_peak_bw": "greatest reaction [BW]",
    "joint_stiffness_nm_rad": "stiffness [N m/rad]",
    "effort": "effort",
    "power_w": "power [W]",
    "metabolic_w": "metabolic [W]",
    "metabolic_ratio": "metabolic, over the base's",
}


def render(
    title: str,
    atlas: Atlas,
    figures: Mapping[str, Any],
    joint_names: Sequence[str],
    muscle_names: Sequence[str],
    provenance: Mapping[str, str],
) -> str:
    """Return the page."""
    summary = [(label, _plain(figures[key])) for key, label in _SUMMARY.items()]
    rows = [[_plain(row[key]) for key in _COLUMNS] for row in figures["table"]]
    parts = [
        table_of([], summary),
        *_loads(figures),
        *_determined(figures["determined"]),
        "<h2>Map</h2>" + svg(map_figure(atlas)),
        "<h2>Muscles</h2>" + svg(muscle_figure(atlas, muscle_names)),
        "<h2>Movement</h2>" + svg(movement_figure(atlas, joint_names)),
        *_synergies(figures["synergies"]),
        *_perturbed(figures.get("perturbations", [])),
        "<h2>Solutions</h2>" + _muscle_mass(figures) + table_of([*_COLUMNS.values()], rows),
        "<h2>Provenance</h2>" + table_of([], [*provenance.items()]),
    ]
    return document(title, "".join(parts))


def _loads(figures: Mapping[str, Any]) -> list[str]:
    """Return what the distinct solutions load the joints with."""
    parts = []
    for key, title in (
        ("joint_reaction_peak_bw", "Greatest joint reaction [body weights]"),
        ("joint_stiffness_nm_rad", "Joint stiffness of the muscles, mean over the clip [N m/rad]"),
    ):
        rows = [[name, *(_plain(value) for value in spans.values())] for name, spans in figures[key].items()]
        parts.append(f"<h2>{title}</h2>" + table_of(["joint", "least", "median", "most"], rows))
    return parts


def _determined(figures: Mapping[str, Any]) -> list[str]:
    """Return the muscles in which the distinct solutions agree most and least."""
    columns = {
        f"{end.replace('_', ' ')}{over}": [f"{name} {value:.2g}" for name, value in muscles.items()]
        for key, over in (("by_relative_spread", ", over its activation"), ("by_spread", ""))
        for end, muscles in figures[key].items()
    }
    if not columns:
        return []
    note = "<p>standard deviation of the activation over the distinct solutions, mean over the clip</p>"
    rows = zip_longest(*columns.values(), fillvalue="")
    return ["<h2>Muscles that the movement determines</h2>" + note + table_of([*columns], [*rows])]


def _muscle_mass(figures: Mapping[str, Any]) -> str:
    """Return what the metabolic watts hang on."""
    text = f"{figures['muscle_mass_kg']:.1f} kg of muscle, {100.0 * figures['muscle_mass_share']:.0f} % of the body"
    if figures["is_plausible"]:
        return f"<p>Metabolic watts are of {text}.</p>"
    return (
        f'<p class="warn">{text}, is not plausible, so neither are metabolic watts: only their ratios mean anything</p>'
    )


def _synergies(figures: Mapping[str, Any]) -> list[str]:
    if not figures["solutions"]:
        return []
    count, muscles, chance = figures["count"], figures["muscles"], figures["similarity_by_chance"]
    head = ["preference", "synergies for 90 %", f"VAF of {count}", "least of a muscle", "similarity to the base's"]
    rows = [[name, *(_plain(value) for value in each.values())] for name, each in figures["solutions"].items()]
    note = f"<p>{muscles} muscles that are active in all of them; similarity by chance {chance:.2f}</p>"
    return ["<h2>Synergies</h2>" + table_of(head, rows) + note]


def _perturbed(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    if not rows:
        return []
    return [
        "<h2>Perturbations</h2>" + table_of([*rows[0]], [[_plain(value) for value in row.values()] for row in rows])
    ]


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "-"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {each:.1f}" for name, each in value.items())
    if isinstance(value, list):
        return ", ".join(f"{each:.3g}" for each in value)
    return f"{value:.3f}" if isinstance(value, float) else str(value)
