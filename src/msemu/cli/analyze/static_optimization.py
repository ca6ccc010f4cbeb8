"""``msemu-analyze static-optimization``: which muscle activity explains a movement."""

from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from msemu.analysis.mechanics.loads.placing import LoadsCfg, PlacedLoads, place
from msemu.analysis.static_optimization.plots import plot_static_optimization
from msemu.analysis.static_optimization.report import summarize, trunk_joints, write_files
from msemu.cli.analyze.options import ExplainClipCfg
from msemu.console import progress, with_progress, write_json
from msemu.control.floor.forces import FloorForces, measured_forces
from msemu.control.inverse_dynamics import Movement, differentiate, required_forces
from msemu.control.muscle_capacity import scaled_strength
from msemu.control.static_optimization import StaticOptimizationCfg, optimize
from msemu.control.weakness import Weakness, find_weaknesses
from msemu.errors import MsemuError
from msemu.models import Body, load_body
from msemu.models.strength.sets import with_strength
from msemu.motion.library.task_clips import load_clip
from msemu.muscle.overrides import configured_parameters
from msemu.schema import MuscleCfg, TaskCfg

_ROWS = 12
_FILES = ("body_path", "parameter_file", "external_loads")
_CONSISTENT_BW = 0.2
"""Median unexplained root force above which a clip is called inconsistent [body weights]; walking has 0.01 to 0.1."""


def static_optimization(args: ExplainClipCfg) -> None:
    """Optimize, print the report and write the files."""
    if args.objective == "power" and args.power != ExplainClipCfg.power:
        raise MsemuError("--power is the exponent of the objective activation; leave one of both out")
    settings = StaticOptimizationCfg(objective=args.objective, power=args.power, level=args.muscle)
    body = with_strength(load_body(args.body, args.body_path), args.strength_set)
    clip = with_progress(load_clip)(TaskCfg(body=args.body, motion=args.clip), body)
    movement = differentiate(body, clip, args.smoothing_s)
    parameters = scaled_strength(
        configured_parameters(body.model, MuscleCfg(parameter_file=args.parameter_file)), args.strength
    )
    title = f"{clip.name or args.clip} on {body.name}, strength set {args.strength_set}"
    console = Console()
    loads = _measured(args, body, movement) if args.external_loads else None
    floor = _floor(loads, body, movement) if loads else None
    with progress(title, transient=True) as on_frame:
        result = optimize(body, movement, settings, parameters, on_frame, floor)

    figures = summarize(result, trunk_joints(body))
    weaknesses = find_weaknesses(result)
    console.print(_report(title, figures))
    if weaknesses:
        console.print(_weakness_table(weaknesses, clip.fps))
    for line in loads.remarks if loads else ():
        console.print(line, soft_wrap=True)
    for line in _warnings(figures):
        console.print(f"[yellow]{line}[/]", soft_wrap=True)
    files = {name: value and str(value) for name, value in vars(args).items() if name in _FILES}
    record = {
        "body": body.name,
        "clip": clip.name,
        "settings": vars(args) | files | {"out": None, "json": None},
        **figures,
        "weak_joints": [vars(weakness) for weakness in weaknesses],
        "measured_forces": list(loads.remarks) if loads else None,
    }
    if args.json:
        write_json(args.json, record)
    if args.out:
        time = np.arange(len(result.activation)) / clip.fps
        paths = write_files(result, time, "static_optimization", args.out)
        paths += plot_static_optimization(result, time, clip.cyclic, title, args.out)
        write_json(args.out / "static_optimization.json", record)
        console.print(f"{len(paths) + 1} files in {args.out}", soft_wrap=True)


def _measured(args: ExplainClipCfg, body: Body, movement: Movement) -> PlacedLoads:
    assert args.external_loads is not None
    cfg = LoadsCfg(args.external_loads, args.loads_start, args.loads_mass, args.align_loads)
    time = np.arange(len(movement.qpos)) / movement.fps
    return place(cfg, body, movement.qpos, time, required_forces(body, movement))


def _floor(loads: PlacedLoads, body: Body, movement: Movement) -> FloorForces:
    ground = loads.ground
    return measured_forces(body, movement, ground.regions, ground.force, ground.center, ground.free_moment)


def _report(title: str, figures: dict[str, Any]) -> Table:
    table = Table("", "value", title=f"Static optimization: {title}")
    solved = figures["frames"] - len(figures["unconverged_frames"])
    rows = {
        "frames solved": f"{solved} of {figures['frames']} (relative gap at most {figures['relative_gap_max']:.1e})",
        "joint torque missing": f"{100 * figures['torque_missing_share']:.2f} % of the sum over joints and frames",
        "activation": f"mean {figures['activation_mean']:.3f}, {100 * figures['saturated_share']:.1f} % saturated",
        "vertical contact force": f"mean {figures['contact_force_mean_bw']:.2f}, greatest"
        f" {figures['contact_force_max_bw']:.2f} body weights",
        "root force unexplained": f"median {figures['root_force_residual_median_bw']:.3f}, greatest"
        f" {figures['root_force_residual_max_bw']:.2f} body weights (frame {figures['root_force_residual_max_frame']})",
        "root moment unexplained": f"median {figures['root_moment_residual_median_nm']:.1f}, greatest"
        f" {figures['root_moment_residual_max_nm']:.0f} N m",
    }
    if figures["trunk_torque_missing_share"] is not None:
        rows["trunk torque missing"] = f"{100 * figures['trunk_torque_missing_share']:.2f} % of the trunk's sum"
    for label, value in rows.items():
        table.add_row(label, value)
    return table


def _weakness_table(weaknesses: list[Weakness], fps: float) -> Table:
    more = f", the {_ROWS} worst of {len(weaknesses)}" if len(weaknesses) > _ROWS else ""
    columns = ("joint", "missing", "needed there", "greatest needed", "worst frame", "frames")
    table = Table(*columns, title=f"Joints whose muscles are too weak [N m]{more}")
    for weakness in weaknesses[:_ROWS]:
        table.add_row(
            weakness.joint,
            f"{weakness.missing:.2f}",
            f"{weakness.needed:.2f}",
            f"{weakness.greatest:.2f}",
            f"{weakness.frame} ({weakness.frame / fps:.2f} s)",
            str(weakness.frames),
        )
    return table


def _warnings(figures: dict[str, Any]) -> list[str]:
    lines = []
    unsolved = figures["unconverged_frames"]
    if unsolved:
        shown = ", ".join(map(str, unsolved[:10])) + (" ..." if len(unsolved) > 10 else "")
        lines.append(f"warning: {len(unsolved)} frames are not solved to the tolerance, do not use them: {shown}")
    if figures["frames_without_contact"] == figures["frames"]:
        lines.append(
            "warning: no foot or hand comes to rest on the floor in any frame, so nothing carries the body; check the"
            " clip's height with: msemu-motion info CLIP"
        )
    elif figures["root_force_residual_median_bw"] > _CONSISTENT_BW:
        lines.append(
            "warning: the floor does not explain the movement of the root; the clip is not dynamically consistent"
        )
    return lines
