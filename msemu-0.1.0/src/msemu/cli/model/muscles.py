"""``msemu-model muscles``: the parameters of a body's muscles, and what is implausible about them."""

import math
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from msemu.analysis.muscle_plots import MUSCLES_PER_FIGURE, plot_muscles
from msemu.cli.model.options import MusclesCfg
from msemu.console import findings_table, write_json
from msemu.errors import MsemuError
from msemu.findings import summary
from msemu.models import load_body
from msemu.models.mirror import mirror_names
from msemu.models.muscle_paths import muscle_lengths
from msemu.models.poses import random_poses
from msemu.muscle.overrides import configured_parameters
from msemu.muscle.parameters import COLUMNS, MuscleParameters
from msemu.muscle.validation import find_implausible, require_simulable
from msemu.schema import MuscleCfg

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


def muscles(args: MusclesCfg) -> None:
    """Show a body's muscles, and draw them."""
    loaded = load_body(args.body, args.body_path)
    table = configured_parameters(loaded.model, MuscleCfg(parameter_file=args.parameters))
    require_simulable(table)
    chosen = [index for index, muscle in enumerate(table.names) if args.name in muscle]
    if not chosen:
        remedy = f"see: msemu-model muscles {args.body}"
        raise MsemuError(f"no muscle of {args.body} has '{args.name}' in its name; {remedy}")
    names = {table.names[index] for index in chosen}
    poses = random_poses(loaded.model, _NUM_POSES, seed=1)
    findings = find_implausible(table, muscle_lengths(loaded.model, poses), mirror_names(table.names))
    findings = [finding for finding in findings if finding.subject in names]
    if args.json:
        rows = [_muscle_row(table, index) for index in chosen]
        write_json(args.json, {"body": args.body, "muscles": rows, "findings": [each.facts() for each in findings]})
    console = Console()
    console.print(_muscles_table(args.body, table, chosen))
    console.print(findings_table("Implausible", findings))
    console.print(summary(findings))
    if args.plot:
        paths = plot_muscles(loaded, table, chosen, None if args.name else MUSCLES_PER_FIGURE, args.plot)
        for path in paths:
            console.print(f"wrote {escape(str(path))}", soft_wrap=True)
        if len(paths) == 1:
            console.print("no force or moment arm drawn: none of these muscles has a moment arm about any joint")


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
    columns = [Column(escape(f"{name}\n[{unit}]"), justify="right", no_wrap=True) for name, unit in quantities.items()]
    rigid = int(table.has_rigid_tendon[chosen].sum())
    caption = (
        "tau+, tau-: time constants of activation and deactivation;"
        f" {rigid} of {len(chosen)} tendons are so short that they are taken as rigid"
    )
    name_column, title = Column("muscle", no_wrap=True), f"Muscles of {body}"
    shown = Table(name_column, *columns, "tendon", title=title, caption=caption, box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
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
