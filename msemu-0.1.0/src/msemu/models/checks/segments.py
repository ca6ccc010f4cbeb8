"""Checks of the mass of segments against a table of anthropometry."""

from msemu.findings import Finding
from msemu.models.anatomy.segments import MassDistribution, segment_bodies
from msemu.models.body import Body
from msemu.models.poses import at_pose

_RELATIVE = 0.1


def check_segments(body: Body) -> list[Finding]:
    """Compare mass, center and radii of gyration of each segment with the table that the recipe follows."""
    model, recipe = body.model, body.recipe
    if recipe is None or not recipe.segments:
        message = "its recipe names no segments: their masses, centers and inertias are not compared with any table"
        return [Finding("note", "segment mass", "segments", message, 0.0)]
    data = at_pose(model, body.neutral_qpos)
    findings = []
    for name, bodies in segment_bodies(model, recipe.segments).items():
        cfg = recipe.segments[name]
        row = recipe.proportions[cfg.row]
        found = MassDistribution.sum([MassDistribution.of_body(model, data, index) for index in bodies])
        compared = [("segment mass", "of the body's mass", 100 * found.mass / body.mass, row.mass)]
        if cfg.ends:
            axes = recipe.axes(cfg, data)
            center = axes.center_percent(found)
            compared.append(("segment center", f"of the way from {cfg.ends[0]} to {cfg.ends[1]}", center, row.center))
            radii = zip(("sagittal", "transverse", "longitudinal"), axes.radii_percent(found), row.radii, strict=True)
            for axis, value, wanted in radii:
                what = f"of its length: the radius of gyration about its {axis} axis"
                compared.append(("segment inertia", what, value, wanted))
        for check, what, value, wanted in compared:
            if abs(value - wanted) > _RELATIVE * wanted:
                message = f"{value:.1f} % {what}, {wanted:.1f} % in the table"
                findings.append(
                    Finding("error" if check == "segment mass" else "warning", check, name, message, float(value))
                )
    return findings
