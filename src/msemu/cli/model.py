"""``msemu-model``: list, describe and validate bodies, and show their muscles."""

import math
import sys
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import mujoco
import numpy as np
import tyro
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from msemu.cli.output import write_json
from msemu.errors import MsemuError, command
from msemu.models import LANDMARKS, Body, list_bodies, load_body
from msemu.models.check import check_body
from msemu.models.finding import Finding
from msemu.models.mirror import mirror_names
from msemu.models.poses import random_poses
from msemu.models.recipe import load_recipe
from msemu.models.sources import SOURCES, Source
from msemu.muscle.overrides import override
from msemu.muscle.parameters import COLUMNS, MuscleParameters
from msemu.muscle.validation import ParameterFinding, find_implausible, require_simulable

BodyName = Annotated[
    str, tyro.conf.Positional, tyro.conf.arg(metavar="BODY", help="Name of a body, see: msemu-model list.")
]
BodyPath = Annotated[
    Path | None,
    tyro.conf.arg(metavar="PATH", help="Folder or main file of the model, if no package brings it."),
]
JsonFile = Annotated[
    Path | None, tyro.conf.arg(name="json", metavar="FILE", help="Also write everything to this file.")
]

_COLOURS = {"error": "red", "warning": "yellow", "note": "dim"}
_ROWS_PER_CHECK = 10
_NAMES_PER_CHECK = 5
_NUM_POSES = 60
_UNITS = {
    "max_isometric_force": "n",
    "optimal_fiber_length": "m",
    "tendon_slack_length": "m",
    "pennation_angle": "rad",
    "max_contraction_velocity": "l0_per_s",
    "activation_time": "s",
    "deactivation_time": "s",
    "passive_max_isometric_force": "n",
    "passive_optimal_fiber_length": "m",
    "passive_tendon_slack_length": "m",
}
"""Unit of each column in the keys of the JSON file; the others have none."""


def show_list() -> None:
    """List the bodies and say how to get those that are not installed."""
    table = Table("body", Column("installed", overflow="fold"), "description", title="Bodies")
    for name in list_bodies():
        recipe = load_recipe(name)
        table.add_row(f"[bold]{name}[/]", _state(SOURCES[recipe.source]), escape(recipe.description))
    Console().print(table)


def _state(source: Source) -> str:
    """Say whether a model is installed, and if not how to get it."""
    try:
        found = source.locate()
    except MsemuError as error:
        return f"[yellow]no:[/] {escape(str(error))}"
    return f"[green]yes:[/] {escape(found.origin)}" if found else f"[yellow]no:[/] {escape(source.remedy)}"


def info(body: BodyName, body_path: BodyPath = None, json_file: JsonFile = None) -> None:
    """Describe a body: where it comes from, its size, joints, muscles, contact regions and landmarks."""
    facts = describe(load_body(body, body_path))
    if json_file:
        write_json(json_file, {"body": body, **facts})
    table = Table("", Column(overflow="fold"), show_header=False, title=body)
    for key, value in facts.items():
        if isinstance(value, dict):
            value = ", ".join(f"{name} {item}" for name, item in value.items())
        table.add_row(key.replace("_", " "), escape(str(value)))
    console = Console()
    console.print(load_recipe(body).description)
    console.print(table)


def check(body: BodyName, body_path: BodyPath = None, json_file: JsonFile = None) -> None:
    """Validate a body and name what is wrong with it.

    Checked are left against right (masses, joint ranges and axes, muscle paths, parameters and moment arms),
    fibre lengths over random poses, muscles without any moment arm, couplings, mass and inertia.

    The exit code is 0 without errors, 1 when the body has errors, 2 when it could not be checked. Warnings
    and notes do not count.
    """
    findings = check_body(load_body(body, body_path))
    counts = Counter(finding.severity for finding in findings)
    if json_file:
        summary = {f"num_{severity}s": counts[severity] for severity in _COLOURS}
        write_json(json_file, {"body": body, **summary, "findings": [asdict(item) for item in findings]})
    console = Console()
    console.print(_findings_table(body, findings))
    console.print(f"{counts['error']} errors, {counts['warning']} warnings, {counts['note']} notes")
    if counts["error"]:
        sys.exit(1)


def muscles(
    body: BodyName,
    body_path: BodyPath = None,
    parameters: Annotated[
        Path | None,
        tyro.conf.arg(metavar="FILE", help="Values of your own by muscle, .yaml or .csv, see docs/muscle_model.md."),
    ] = None,
    name: Annotated[str, tyro.conf.arg(metavar="SUBSTRING", help="Only the muscles whose name contains this.")] = "",
    json_file: JsonFile = None,
    plot: Annotated[
        Path | None,
        tyro.conf.arg(metavar="FOLDER", help="Draw curves, forces and moment arms to PNG files in this folder."),
    ] = None,
) -> None:
    """Show the parameters of a body's muscles and what is implausible about them.

    Checked over random poses are the slack length of the tendon, the length of the fibre, that fibre and
    tendon can be in equilibrium, and left against right.

    The plots are the force curves of all three levels and, for the muscles that --name chooses or else the
    first 12, the force at full activation and the moment arm over the range of the joint about which the
    moment arm is greatest.
    """
    loaded = load_body(body, body_path)
    table = MuscleParameters.of(loaded.model)
    if parameters:
        table = override(table, parameters)
    require_simulable(table)
    chosen = [index for index, muscle in enumerate(table.names) if name in muscle]
    if not chosen:
        raise MsemuError(f"no muscle of {body} has '{name}' in its name; msemu-model muscles {body} lists them")
    names = {table.names[index] for index in chosen}
    poses = random_poses(loaded.model, _NUM_POSES, seed=1)
    findings = find_implausible(table, _path_lengths(loaded.model, poses), mirror_names(table.names))
    findings = [finding for finding in findings if finding.subject in names]
    if json_file:
        rows = [_muscle_row(table, index) for index in chosen]
        write_json(json_file, {"body": body, "muscles": rows, "findings": [item._asdict() for item in findings]})
    console = Console()
    console.print(_muscles_table(body, table, chosen))
    console.print(_findings_summary(findings) if findings else "nothing implausible")
    if plot:
        from msemu.analysis.muscle_plots import MUSCLES_PER_FIGURE, plot_muscles

        paths = plot_muscles(loaded, table, chosen, None if name else MUSCLES_PER_FIGURE, plot)
        for path in paths:
            console.print(f"wrote {escape(str(path))}", soft_wrap=True)
        if len(paths) == 1:
            console.print("no force or moment arm drawn: none of these muscles has a moment arm about any joint")


def describe(body: Body) -> dict[str, Any]:
    """Return the facts about a body that ``msemu-model info`` shows; lengths in m, masses in kg."""
    model = body.model
    data = mujoco.MjData(model)
    data.qpos = body.neutral_qpos
    mujoco.mj_kinematics(model, data)
    return {
        **body.provenance,
        "mass_kg": round(float(model.body_mass.sum()), 2),
        "timestep_s": model.opt.timestep,
        "nq": model.nq,
        "nv": model.nv,
        "joints": len(body.joint_names),
        "independent_joints": len(body.independent_joints),
        "muscles": body.num_muscles,
        "inert_muscles": len(body.inert_muscles),
        "strongest_muscle_n": round(float(model.actuator_gainprm[:, 2].max()), 1),
        "contact_geoms": {name: len(geoms) for name, geoms in body.contact_regions.items()},
        "neutral_landmarks_m": {
            name: (data.site(f"landmark/{name}").xpos.round(3) + 0.0).tolist() for name in LANDMARKS
        },
    }


def _path_lengths(model: mujoco.MjModel, poses: np.ndarray) -> np.ndarray:
    """Return the muscle-tendon length in each pose [m], shape [N, M]."""
    data = mujoco.MjData(model)
    lengths = np.empty((len(poses), model.nu))
    for pose, row in zip(poses, lengths, strict=True):
        data.qpos = pose
        mujoco.mj_fwdPosition(model, data)
        row[:] = data.actuator_length
    return lengths


def _muscle_row(table: MuscleParameters, index: int) -> dict[str, Any]:
    """Return every column of a muscle with its unit in the key, and where each value comes from."""
    keys = {column: f"{column}_{_UNITS[column]}" if column in _UNITS else column for column in COLUMNS}
    return {
        "name": table.names[index],
        **{key: float(getattr(table, column)[index]) for column, key in keys.items()},
        "rigid_tendon": bool(table.has_rigid_tendon[index]),
        "sources": {key: table.sources[column][index] for column, key in keys.items()},
    }


def _muscles_table(body: str, table: MuscleParameters, chosen: list[int]) -> Table:
    quantities = {"F0": "N", "L0": "cm", "slack": "cm", "pennation": "deg", "vmax": "L0/s", "tau+": "ms", "tau-": "ms"}
    columns = [
        Column(escape(f"{quantity}\n[{unit}]"), justify="right", no_wrap=True) for quantity, unit in quantities.items()
    ]
    rigid = int(table.has_rigid_tendon[chosen].sum())
    caption = (
        "tau+, tau-: time constants of activation and deactivation;"
        f" {rigid} of {len(chosen)} tendons are so short that they are taken as rigid"
    )
    name_column = Column("muscle", no_wrap=True)
    title, look = f"Muscles of {body}", {"box": SIMPLE_HEAD, "padding": (0, 1, 0, 0)}
    shown = Table(name_column, *columns, "tendon", title=title, caption=caption, **look)
    for index in chosen:
        shown.add_row(
            escape(table.names[index]),
            f"{table.max_isometric_force[index]:.1f}",
            f"{100 * table.optimal_fiber_length[index]:.2f}",
            f"{100 * table.tendon_slack_length[index]:.2f}",
            f"{math.degrees(table.pennation_angle[index]):.1f}",
            f"{table.max_contraction_velocity[index]:.1f}",
            f"{1e3 * table.activation_time[index]:.0f}",
            f"{1e3 * table.deactivation_time[index]:.0f}",
            "[yellow]rigid[/]" if table.has_rigid_tendon[index] else "elastic",
        )
    return shown


def _findings_summary(findings: list[ParameterFinding]) -> Table:
    """Count the findings of each check, and name the first muscles."""
    subjects: dict[tuple[str, str], list[str]] = {}
    for item in findings:
        named = subjects.setdefault((item.severity, item.check), [])
        if item.subject not in named:
            named.append(item.subject)
    summary = Table("", "check", "muscles", Column("first of them", overflow="fold"), title="Implausible")
    for (severity, check_name), named in subjects.items():
        first = ", ".join(named[:_NAMES_PER_CHECK]) + (", ..." if len(named) > _NAMES_PER_CHECK else "")
        summary.add_row(f"[{_COLOURS[severity]}]{severity}[/]", check_name, str(len(named)), escape(first))
    return summary


def _findings_table(body: str, findings: list[Finding]) -> Table:
    """Show every error, and of warnings and notes the first of each check."""
    table = Table("", "check", "subject", "finding", title=f"Check of {body}")
    totals = Counter((item.severity, item.check) for item in findings)
    shown: Counter[tuple[str, str]] = Counter()
    for item in findings:
        key = (item.severity, item.check)
        shown[key] += 1
        if item.severity == "error" or shown[key] <= _ROWS_PER_CHECK:
            severity = f"[{_COLOURS[item.severity]}]{item.severity}[/]"
            table.add_row(severity, item.check, item.subject, escape(item.message))
        elif shown[key] == totals[key]:
            rest = totals[key] - _ROWS_PER_CHECK
            table.add_row("", item.check, "...", f"and {rest} more: --json FILE lists all of them")
    return table


@command
def main() -> None:
    """Entry point of ``msemu-model``."""
    tyro.extras.subcommand_cli_from_dict(
        {"list": show_list, "info": info, "check": check, "muscles": muscles},
        prog="msemu-model",
        description="Musculoskeletal bodies: what there is, what is in them, what is wrong with them.",
    )
