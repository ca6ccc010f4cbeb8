"""``msemu-motion check`` and ``repair``: is a clip physically plausible, and how it becomes more so."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from msemu.analysis.mechanics.ground_reaction import GroundReaction
from msemu.analysis.mechanics.loads.agreement import ForceAgreement, compare_forces, said
from msemu.analysis.mechanics.loads.placing import LoadsCfg, place
from msemu.analysis.plausibility.check import check_clip
from msemu.analysis.plausibility.report import write_html, write_pictures
from msemu.analysis.plausibility.strength import SUSTAINED_FRAMES
from msemu.analysis.plausibility.torques import Excess, excesses
from msemu.analysis.recorded import recorded_clip
from msemu.analysis.static_optimization.missing import joint_groups, missing_shares
from msemu.cli.motion.options import CheckCfg, RepairCfg
from msemu.cli.motion.strength import missing_table, show_within, strengthened, within_strength
from msemu.console import findings_table, progress, write_json
from msemu.control.inverse_dynamics import differentiate, required_forces
from msemu.control.static_optimization import find_floor
from msemu.findings import count, summary
from msemu.models import Body, load_body
from msemu.models.strength.sets import with_strength
from msemu.motion.checks.verdict import remedies
from msemu.motion.clip import MotionClip
from msemu.motion.library.obtain import before_repair
from msemu.motion.repair.repair import Repair
from msemu.motion.repair.repair import repair as repair_clip
from msemu.motion.repair.stance.stances import RepairedStance, compare_stances
from msemu.motion.support import Stance
from msemu.tracking.reference.within_strength import measure

_ROWS = 12
"""Rows of the table of torques."""
_SMOOTHING_S = 0.02
"""Standard deviation of the Gaussian over a clip before it is differentiated [s]."""
_LEFT_ALONE = "at the ends, too close to others, supported or beyond repair"


def check(args: CheckCfg) -> None:
    """Check a clip and show what was found; leave with exit code 1 when there are errors."""
    clip, own = _load(args.clip, args.body, args.body_path)
    body = with_strength(own, args.strength_set)
    console = Console()
    with console.status(f"checking {args.clip}"):
        report = check_clip(body, clip)
    title = f"{clip.name or 'clip'} on {clip.body}, strength set {args.strength_set}"
    console.print(findings_table(escape(title), report.findings))
    console.print(summary(report.findings))
    tips = remedies(report.findings, clip.quality)
    raw = before_repair(args.clip, clip) or recorded_clip(body, clip)
    if clip.simulated:
        console.print(_simulated_table(check_clip(body, raw).figures, report.figures))
    stances = _stances(body, clip, raw, report.stances)
    torques = excesses(own, raw, clip)
    _show(console, stances, torques)
    now = measure(body, clip)
    missing = {"before": now if raw is clip else measure(body, raw), "after": now}
    console.print(missing_table(body, missing["before"], now, f"strength set {args.strength_set}"))
    for line in tips:
        console.print(f"try for {line}", soft_wrap=True, highlight=False, markup=False)
    agreement = _against_measured(args, body, clip) if args.external_loads else {}
    if args.html:
        write_html(report, args.html)
        console.print(f"report: {args.html}", soft_wrap=True)
    if args.png:
        for path in write_pictures(report, args.png):
            console.print(f"picture: {path}", soft_wrap=True)
    if args.json:
        findings = [finding.facts() for finding in report.findings]
        facts = {"strength_set": args.strength_set, "figures": report.figures, "findings": findings, "try": tips}
        facts["stances"] = [_stance_facts(stance) for stance in stances]
        facts["torques"] = {name: [vars(each) for each in found] for name, found in torques.items()}
        groups = joint_groups(body)
        facts["torque_missing"] = {when: missing_shares(each, groups) for when, each in missing.items()}
        facts["measured_forces"] = {part: asdict(found) for part, found in agreement.items()}
        write_json(args.json, facts)
    found = count(report.findings)
    if found["error"] or (args.strict and found["warning"]):
        raise SystemExit(1)


def repair(args: RepairCfg) -> None:
    """Repair a clip and show what changed."""
    clip, body = _load(args.clip, args.body, args.body_path)
    strong = strengthened(args, body)
    with progress(f"repair of {args.clip.name}") as on_flight:
        result = repair_clip(body, clip, on_flight, args.repair)
    console = Console()
    within = within_strength(args, body, strong, result) if strong else None
    if within:
        result = replace(result, clip=within.clip, same=within.same)
    if result.clip is result.original:
        result.clip.save(args.out)
        if within:
            show_within(console, args, body, within)
        reason = f"only flights that are left alone ({_LEFT_ALONE})" if result.left_alone else "no flight phase"
        console.print(f"{args.clip} has {reason}; copy: {args.out}", soft_wrap=True, markup=False)
        return
    raw = result.save(args.out)
    console.print(_repair_table(result))
    same = result.original if result.original.num_frames == result.clip.num_frames else result.clip
    stances = within.stances or result.stances if within else result.stances
    _show(console, stances, excesses(body, same, result.clip))
    if within:
        show_within(console, args, body, within)
    for stance in stances:
        if stance.complaint:
            console.print(stance.complaint, style="yellow", soft_wrap=True, markup=False)
    console.print(f"repaired: {args.out}\noriginal: {raw}", soft_wrap=True)


def _against_measured(args: CheckCfg, body: Body, clip: MotionClip) -> dict[str, ForceAgreement]:
    """Compare measured forces with those that the movement implies, and say so."""
    assert args.external_loads is not None
    movement = differentiate(body, clip, _SMOOTHING_S)
    cfg = LoadsCfg(args.external_loads, args.loads_start, args.loads_mass, args.align_loads)
    time = np.arange(clip.num_frames) / clip.fps
    measured = place(cfg, body, movement.qpos, time, required_forces(body, movement))
    floor = find_floor(body, movement)
    implied = GroundReaction.of_points(floor.regions, clip.fps, floor.position, floor.force)
    agreement = compare_forces(implied, measured.ground, body.weight)
    for line in (*measured.remarks, *said(agreement, "implied")):
        Console().print(line, soft_wrap=True)
    return agreement


def _load(path: Path, name: str | None, body_path: Path | None) -> tuple[MotionClip, Body]:
    clip = MotionClip.load(path)
    body = load_body(name or clip.body, body_path)
    clip.check_matches(body.name, body.joint_names)
    return clip, body


def _stances(body: Body, clip: MotionClip, raw: MotionClip, found: list[Stance]) -> list[RepairedStance]:
    """Return the phases with contact, before the repair as well."""
    before = [each.after for each in compare_stances(body, clip, raw)]
    return [RepairedStance(*both) for both in zip(before, found, strict=True)]


def _show(console: Console, stances: list[RepairedStance], torques: dict[str, list[Excess]]) -> None:
    """Print what contacts and muscles do not give."""
    if stances:
        console.print(_stance_table(stances))
    if any(torques.values()):
        console.print(_torque_table(torques))


def _torque_table(torques: dict[str, list[Excess]]) -> Table:
    """Return the joints beyond capacity, one column a strength set."""
    by_set = {name: {each.joint: each for each in found} for name, found in torques.items()}
    joints = list(dict.fromkeys(joint for found in by_set.values() for joint in found))
    more = f"; {len(joints) - _ROWS} more joints" if len(joints) > _ROWS else ""
    table = Table(
        "joint",
        *(f"strength set {name}" for name in by_set),
        caption=f"torque over what the muscles give, for {SUSTAINED_FRAMES} frames{more}",
    )
    for joint in joints[:_ROWS]:
        table.add_row(joint, *(_excess(found.get(joint)) for found in by_set.values()))
    return table


def _excess(found: Excess | None) -> str:
    return f"{_before_after(found.before, found.factor)}, frame {found.frame}" if found else ""


def _stance_facts(stance: RepairedStance) -> dict[str, Any]:
    """Return a phase with contact as what JSON takes."""
    figures = {
        when: {"median": each.median, "p90": each.percentile(90), "most": each.most, "worst_frame": each.worst}
        for when, each in (("before", stance.before), ("after", stance.after))
    }
    return {"first": stance.after.first, "last": stance.after.last, **figures, "complaint": stance.complaint}


def _stance_table(stances: list[RepairedStance]) -> Table:
    caption = "body weights that no contact gives, a moment at a foot's length counted like a force"
    table = Table("frames with contact", "median", "90th percentile", "most", "worst frame", caption=caption)
    for stance in stances:
        before, after = stance.before, stance.after
        table.add_row(
            f"{after.first} to {after.last}",
            _before_after(before.median, after.median),
            _before_after(before.percentile(90), after.percentile(90)),
            _before_after(before.most, after.most),
            str(after.worst),
        )
    return table


def _simulated_table(before: dict[str, float], after: dict[str, float]) -> Table:
    """Show what a simulation made of the clip that it follows."""
    table = Table("largest figure", "recorded clip", "simulated", caption="units are those of the findings above")
    for name in filter(after.__contains__, before):
        table.add_row(name, f"{before[name]:.3g}", f"{after[name]:.3g}")
    return table


def _before_after(before: float, after: float) -> str:
    return f"{after:.2f}" if before == after else f"{before:.2f} to {after:.2f}"


def _repair_table(result: Repair) -> Table:
    quality = result.clip.quality
    caption = (
        f"change over the whole clip: mean {quality['repair_change_mean_cm']:.2f} cm,"
        f" largest {quality['repair_change_max_cm']:.1f} cm, joints up to {quality['repair_change_max_deg']:.0f} deg"
    )
    if result.left_alone:
        caption += f"; {len(result.left_alone)} flight(s) were left alone: {_LEFT_ALONE}"
    table = Table("frames", "force without contact", "drift of angular momentum", "change", "timing", caption=caption)
    for flight in result.flights:
        before, after = flight.before, flight.after
        table.add_row(
            f"{after.flight.first} to {after.flight.last}",
            f"{before.residual_max:.2f} to {after.residual_max:.3f} body weights",
            f"{100 * before.drift:.0f} to {100 * after.drift:.1f} %",
            f"{flight.change_cm:.1f} cm",
            f"{flight.slowed_s:+.2f} s" if flight.slowed_s else "kept",
        )
    return table
