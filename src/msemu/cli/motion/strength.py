"""What muscles miss of a clip's torques, and the repair that lessens it, for ``msemu-motion check`` and ``repair``."""

from rich.console import Console
from rich.table import Table

from msemu.analysis.static_optimization.missing import joint_groups, missing_shares
from msemu.cli.motion.options import RepairCfg
from msemu.console import progress
from msemu.control.static_optimization import StaticOptimization
from msemu.models import Body
from msemu.models.strength.sets import multiplied, with_strength
from msemu.motion.repair.repair import Repair
from msemu.tracking.reference.within_strength import SLOWER, WithinStrength, bring_within_strength

_ROWS = 12
"""Joints that are named at most."""


def strengthened(args: RepairCfg, body: Body) -> Body | None:
    """Return the body with the strength that is asked for; None where torques are not to be looked at."""
    return multiplied(with_strength(body, args.strength_set), args.strength) if args.strength_set else None


def within_strength(args: RepairCfg, body: Body, strong: Body, result: Repair) -> WithinStrength:
    """Bring the torques of a repaired clip within the muscles of a strong body."""
    with progress(f"torques of {args.clip.name}, slower by", transient=True) as on_step:
        return bring_within_strength(
            body, strong, result.clip, result.same, lambda slower: on_step(SLOWER.index(slower), len(SLOWER))
        )


def missing_table(body: Body, before: StaticOptimization, after: StaticOptimization, strength: str) -> Table:
    """Return the share of their torque that groups of joints miss, before and after."""
    table = Table("joints", f"torque missing, {strength}")
    groups = joint_groups(body)
    once, now = missing_shares(before, groups), missing_shares(after, groups)
    for group in groups:
        share = f"{100 * now[group]:.1f} %"
        table.add_row(group, share if before is after else f"{100 * once[group]:.1f} to {share}")
    return table


def show_within(console: Console, args: RepairCfg, body: Body, found: WithinStrength) -> None:
    """Print what was changed, what muscles miss before and after, and the joints that still miss some."""
    strength = f"strength set {args.strength_set}" + (f" times {args.strength:g}" if args.strength != 1.0 else "")
    console.print(missing_table(body, found.before, found.after, strength))
    if found.after is found.before:
        outcome = "no change that stands and flies lessens them" if found.still_weak else "the clip is left alone"
    else:
        quality = found.clip.quality
        outcome = (
            f"changed by {quality['repair_change_mean_cm']:.2f} cm and {quality['repair_change_mean_deg']:.1f} deg in"
            f" the mean, {quality['repair_change_max_cm']:.1f} cm and {quality['repair_change_max_deg']:.0f} deg at"
            f" most; timing {f'{1000 * found.slowed_s:+.0f} ms' if found.slowed_s else 'kept'}"
        )
    console.print(f"torques: {outcome}", soft_wrap=True, highlight=False)
    for weak in found.still_weak[:_ROWS]:
        console.print(
            f"{weak.joint} at frame {weak.frame}: {abs(weak.missing):.0f} of {abs(weak.needed):.0f} N m missing"
            f" (in {weak.frames} frames)",
            style="yellow",
            soft_wrap=True,
            markup=False,
        )
    if len(found.still_weak) > _ROWS:
        console.print(f"and {len(found.still_weak) - _ROWS} more joints", style="yellow")
