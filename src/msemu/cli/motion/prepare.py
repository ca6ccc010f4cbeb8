"""``msemu-motion prepare``: bring clips of the catalogue onto a body ahead of training, several at a time."""

from concurrent.futures import as_completed
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from msemu.cli.motion.options import PrepareCfg
from msemu.cli.workers import workers
from msemu.console import progress, write_json
from msemu.errors import MsemuError
from msemu.findings import COLORS
from msemu.models import load_body
from msemu.motion.checks.verdict import JUDGMENTS, judge
from msemu.motion.clip import MotionClip
from msemu.motion.library import fetch
from msemu.motion.library.catalogue import find_entries, find_entry
from msemu.motion.library.obtain import obtain_clip
from msemu.motion.retargeting.angle_errors import JOINTS, PELVIS, figure_of
from msemu.schema import RepairKind

_WIDTH = 180
"""The table is not folded, so that it can be copied into a document [characters]."""


def prepare(args: PrepareCfg) -> None:
    """Prepare clips and show their figures."""
    entries = find_entries(args.names)
    if not entries:
        raise MsemuError("no clip is named; list them with: msemu-motion fetch")
    load_body(args.body, args.body_path)  # an unknown body is refused before any process starts
    for entry in entries:
        fetch.fetch(entry)  # here, so that no two processes download a package
    figures = {}
    with workers(min(args.jobs, len(entries))) as submit, progress(f"clips on {args.body}") as on_clip:
        on_clip(0, len(entries))
        tasks = {
            submit(_prepare_clip, entry.name, args.body, args.body_path, args.repair): entry.name for entry in entries
        }
        for done, task in enumerate(as_completed(tasks), 1):
            figures[tasks[task]] = task.result()
            on_clip(done, len(entries))
    ordered = {entry.name: figures[entry.name] for entry in entries}
    console = Console(width=_WIDTH)
    console.print(_table(args.body, ordered))
    console.print(_angle_table(args.body, ordered))
    for name, both in ordered.items():
        for finding in judge(both["clip"]):
            remedy = JUDGMENTS[finding.check].remedy
            console.print(f"{name}: [{COLORS[finding.severity]}]{finding.severity}[/]: {finding.message}; try {remedy}")
    if args.json:
        write_json(args.json, ordered)


def _prepare_clip(name: str, body_name: str, body_path: Path | None, kind: RepairKind) -> dict[str, dict[str, float]]:
    """Obtain one clip; return its figures before and after the repair."""
    path = obtain_clip(find_entry(name), load_body(body_name, body_path), kind=kind)
    clip, raw = MotionClip.load(path), path.with_suffix(".raw.npz")
    return {"clip": _facts(clip), "retargeted": _facts(MotionClip.load(raw) if raw.is_file() else clip)}


def _facts(clip: MotionClip) -> dict[str, float]:
    return {"frames": clip.num_frames} | clip.quality


def _table(body: str, figures: dict[str, dict[str, dict[str, float]]]) -> Table:
    table = Table(
        box=box.MARKDOWN,
        caption=f"{body}: lengths in cm, speeds in rad/s, force in body weights; before to after the repair",
    )
    joints = ("clip", "frames", "mean error", "max", "deepest", "standing soles", "fastest joint", "the person's")
    for heading in (*joints, "force in flight", "drift", "change, in flight", "stance, worst"):
        table.add_column(heading, no_wrap=True)
    for name, both in figures.items():
        before, after = both["retargeted"], both["clip"]
        flights = ["", "", ""]
        if "repair_flights" in after:
            flights = [
                f"{after['repair_residual_before']:.2f} to {after['repair_residual_after']:.2f}",
                f"{100 * after['repair_drift_before']:.0f} to {100 * after['repair_drift_after']:.1f} %",
                f"{after['repair_change_mean_cm']:.1f}, {after['repair_change_flight_cm']:.1f}",
            ]
        elif "repair_change_mean_cm" in after:
            flights[2] = f"{after['repair_change_mean_cm']:.1f}"
        stance = ""
        if "repair_stance_median_after" in after:
            stance = ", ".join(
                f"{after[f'repair_stance_{name}_before']:.2f} to {after[f'repair_stance_{name}_after']:.2f}"
                for name in ("median", "most")
            )
        soles = ""
        if "stance_height_min_cm" in after:
            soles = f"{after['stance_height_min_cm']:.1f} to {after['stance_height_max_cm']:.1f}"
        table.add_row(
            name,
            str(after["frames"]),
            _before_after(before, after, "error_mean_cm", 2),
            _before_after(before, after, "error_max_cm", 1),
            f"{after['penetration_max_cm']:.2f}",
            soles,
            _before_after(before, after, "joint_speed_max_rad_s", 0),
            f"{after['source_speed_max_rad_s']:.0f}",
            *flights,
            stance,
        )
    return table


def _angle_table(body: str, figures: dict[str, dict[str, dict[str, float]]]) -> Table:
    """Return the errors of pelvis and joints; of joints only where the recording has angles of its own."""
    table = Table(
        box=box.MARKDOWN,
        caption=f"{body}: angles against the recording, root mean square in deg, before the repair of flights",
    )
    for heading in ("clip", *PELVIS, *JOINTS):
        table.add_column(heading.replace("_", " "), no_wrap=True)
    for name, both in figures.items():
        errors = (both["retargeted"].get(figure_of(angle)) for angle in (*PELVIS, *JOINTS))
        table.add_row(name, *("" if error is None else f"{error:.1f}" for error in errors))
    return table


def _before_after(before: dict[str, float], after: dict[str, float], key: str, digits: int) -> str:
    first, second = f"{before[key]:.{digits}f}", f"{after[key]:.{digits}f}"
    return first if first == second else f"{first} to {second}"
