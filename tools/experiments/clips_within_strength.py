"""What bringing the catalogue's clips within the strength of athletes changes, and what muscles then still miss.

    python tools/experiments/clips_within_strength.py --out FOLDER [--body ms_human_700] [--clips kick dance_a]

Each clip is prepared with ``--repair contact`` and then brought within the strength set; change and timing are against
that clip. ``within.md`` has a row for each, written after every clip; the clips lie beside.
"""

import argparse
import time
from pathlib import Path

import numpy as np

from msemu.analysis.static_optimization.missing import joint_groups, missing_shares
from msemu.errors import command
from msemu.files import write_text
from msemu.models import Body, load_body
from msemu.models.strength.sets import with_strength
from msemu.motion.clip import MotionClip
from msemu.motion.library.catalogue import Entry, find_entries
from msemu.motion.library.obtain import obtain_clip
from msemu.tracking.reference.within_strength import bring_within_strength

STRENGTH = "athlete"
MOST_NAMED = 3
"""Joints that are named."""


@command
def main() -> None:
    """Bring one clip after the other within the strength and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--body", default="ms_human_700")
    parser.add_argument("--clips", nargs="+", default=["paper", "acrobatics"], help="clips or sets of clips")
    parser.add_argument("--out", type=Path, required=True, help="folder of the results")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    body = load_body(args.body)
    strong = with_strength(body, STRENGTH)
    columns = ("clip", "trunk", "legs", "arms", "mean, largest change", "joints", "timing", "stance median, most")
    rows = [f"| {' | '.join((*columns, 'still missing', 'time'))} |", "|---" * (len(columns) + 2) + "|"]
    for entry in find_entries(args.clips):
        rows.append(row(body, strong, entry, args.out))
        write_text(args.out / "within.md", "\n".join(rows) + "\n")


def row(body: Body, strong: Body, entry: Entry, out: Path) -> str:
    """Return the row of a clip."""
    clip = MotionClip.load(obtain_clip(entry, body, kind="contact"))
    begin = time.perf_counter()
    found = bring_within_strength(body, strong, clip, clip.qpos)
    spent = time.perf_counter() - begin
    found.clip.save(out / f"{entry.name}_{body.name}.npz")
    groups = joint_groups(body)
    before, after = (missing_shares(each, groups) for each in (found.before, found.after))
    shares = (f"{100 * before[group]:.1f}, {100 * after[group]:.1f} %" for group in ("trunk", "legs", "arms"))
    figure = {name.removeprefix("repair_change_"): value for name, value in found.clip.quality.items()}
    changed = found.clip is not clip
    change = f"{figure['mean_cm']:.1f}, {figure['max_cm']:.1f} cm" if changed else "none"
    angles = f"{figure['mean_deg']:.1f}, {figure['max_deg']:.0f} deg" if changed else ""
    stances = [
        float(np.max([getattr(each.after, name) for each in found.stances], initial=0.0)) for name in ("median", "most")
    ]
    weak = [
        f"{each.joint} {abs(each.missing):.0f} of {abs(each.needed):.0f} N m at {each.frame}"
        for each in found.still_weak[:MOST_NAMED]
    ]
    cells = (entry.name, *shares, change, angles, f"{1000 * found.slowed_s:+.0f} ms" if found.slowed_s else "kept")
    return (
        f"| {' | '.join((*cells, ', '.join(f'{value:.2f}' for value in stances), '; '.join(weak), f'{spent:.0f} s'))} |"
    )


if __name__ == "__main__":
    main()
