"""``msemu-model calibrate``: muscle parameters from published architecture."""

from typing import Any

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from msemu.cli.model.options import CalibrateCfg
from msemu.console import findings_table, write_json
from msemu.files import write_text
from msemu.findings import Finding
from msemu.models import Body, load_body
from msemu.models.calibration.architecture import installed_architecture, read_architecture
from msemu.models.calibration.calibrate import PERCENTILES, CalibratedMuscle, Calibration, calibrate
from msemu.models.calibration.passive_moments import PassiveMoment, passive_moments
from msemu.models.muscle_paths import muscle_lengths
from msemu.models.poses import random_poses
from msemu.muscle.in_numpy import rigid_fiber_length
from msemu.muscle.validation import require_simulable

_NUM_POSES = 200
_COLUMNS = (
    "max_isometric_force",
    "optimal_fiber_length",
    "tendon_slack_length",
    "pennation_angle",
    "max_contraction_velocity",
)


def calibrate_body(args: CalibrateCfg) -> None:
    """Fit a body's muscles, report, and write the parameter file."""
    body = load_body(args.body, args.body_path)
    architectures = installed_architecture()
    if args.architecture:
        architectures[str(args.architecture)] = read_architecture(args.architecture, body)
    calibration = calibrate(body, architectures)
    require_simulable(calibration.parameters)
    moments, fiber = passive_moments(body, calibration.parameters), _fiber_over_ranges(body, calibration)
    if args.output:
        write_text(args.output, parameter_csv(calibration))
    if args.json:
        write_json(args.json, _report(body, calibration, moments, fiber))
    console = Console()
    console.print(_groups_table(body, calibration, fiber))
    for moment in moments:
        console.print(_moment_table(moment))
    findings = departures(calibration)
    if findings:
        console.print(findings_table("Muscles that are not as published", findings))
    if args.output:
        console.print(f"wrote {escape(str(args.output))}", soft_wrap=True)


def parameter_csv(calibration: Calibration) -> str:
    """Return the parameter file: a line per muscle that has new values."""
    lines = [",".join(("muscle", *_COLUMNS))]
    for muscle in calibration.muscles:
        if muscle.values:
            cells = (f"{muscle.values[column]:.6g}" if column in muscle.values else "" for column in _COLUMNS)
            lines.append(",".join((muscle.name, *cells)))
    return "\n".join(lines) + "\n"


def departures(calibration: Calibration) -> list[Finding]:
    """Name the muscles that keep the values of the body, and those whose fibers depart from their published range."""
    checks = {(False, False): "no data", (True, False): "not fitted", (True, True): "range"}
    return [
        Finding(
            severity="warning" if muscle.published else "note",
            check=checks[muscle.published is not None, bool(muscle.values)],
            subject=muscle.name,
            message=muscle.reason + ("" if muscle.values else "; it keeps the values of the body"),
            value=float(np.abs(muscle.fiber - muscle.wanted).max()) if muscle.values else float("nan"),
        )
        for muscle in calibration.muscles
        if muscle.reason
    ]


def _fiber_over_ranges(body: Body, calibration: Calibration) -> np.ndarray:
    """Return 5th, 50th and 95th percentile of each fiber's length [L0] over all the joints' ranges, shape [3, M]."""
    lengths = muscle_lengths(body.model, random_poses(body.model, _NUM_POSES, seed=1))
    return np.percentile(rigid_fiber_length(calibration.parameters, lengths), PERCENTILES, axis=0)


def _report(body: Body, calibration: Calibration, moments: list[PassiveMoment], fiber: np.ndarray) -> dict[str, Any]:
    return {
        "body": body.name,
        "body_mass_kg": body.mass,
        "muscle_mass_kg": {group: calibration.mass_kg(group) for group in calibration.groups},
        "rigid_tendons": int(calibration.parameters.has_rigid_tendon.sum()),
        "muscles": [
            {**_muscle_facts(muscle), "normalized_fiber_length_over_ranges": percentiles.tolist()}
            for muscle, percentiles in zip(calibration.muscles, fiber.T, strict=True)
        ],
        "passive_moments": [{key: np.array(value).tolist() for key, value in vars(each).items()} for each in moments],
    }


def _muscle_facts(muscle: CalibratedMuscle) -> dict[str, Any]:
    facts: dict[str, Any] = {"name": muscle.name, "values": muscle.values, "reason": muscle.reason}
    if muscle.published:
        facts |= {
            "published_as": muscle.published.name,
            "source": muscle.published.architecture.source,
            "published_optimal_fiber_length_m": muscle.published.muscle.optimal_fiber_length,
            "normalized_fiber_length": muscle.fiber.tolist(),
            "published_normalized_fiber_length": muscle.wanted.tolist(),
        }
    return facts


def _groups_table(body: Body, calibration: Calibration, fiber: np.ndarray) -> Table:
    """Show by group how many muscles there are, how well they fit, and what they weigh."""
    columns = ("muscles", "fitted", "off range", "deviation\n[L0]", "fiber\n[L0]", "rigid", "mass\n[kg]", "share\n[%]")
    headers = [Column(escape(name), justify="right") for name in columns]
    caption = (
        "deviation: the largest from the published operating range; fiber: medians of 5th and 95th percentile over all"
        " the joints' ranges; rigid: tendons taken as rigid; mass: peak force over specific tension, times 1060 kg/m^3"
        " and optimal fiber length; share: of the body's mass"
    )
    table = Table("group", *headers, title=f"Calibration of {body.name}", caption=caption, box=SIMPLE_HEAD)
    rigid = calibration.parameters.has_rigid_tendon
    for group in calibration.groups:
        of_group = [(i, m) for i, m in enumerate(calibration.muscles) if m.published and m.published.group == group]
        fitted = [muscle for _, muscle in of_group if muscle.values]
        deviations = [float(np.abs(muscle.fiber - muscle.wanted).max()) for muscle in fitted]
        mass = calibration.mass_kg(group)
        table.add_row(
            escape(group),
            str(len(of_group)),
            str(len(fitted)),
            str(sum(bool(muscle.reason) for muscle in fitted)),
            f"{max(deviations, default=0.0):.2f}",
            " to ".join(f"{value:.2f}" for value in np.median(fiber[::2, [index for index, _ in of_group]], axis=1)),
            str(sum(bool(rigid[index]) for index, _ in of_group)),
            f"{mass:.1f}",
            f"{100 * mass / body.mass:.1f}",
        )
    unknown = sum(muscle.published is None for muscle in calibration.muscles)
    table.add_row("no data", str(unknown), *[""] * 7)
    return table


def _moment_table(moment: PassiveMoment) -> Table:
    rows = {"angle [deg]": moment.angle_deg, "muscles [N m]": moment.muscles_nm, "published [N m]": moment.published_nm}
    title = f"Passive moment about {moment.joint}"
    table = Table(show_header=False, title=title, box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name, values in rows.items():
        table.add_row(escape(name), *(f"{value:.0f}" for value in values))
    return table
