"""What bringing the catalogue's clips within the strength of athletes changes, and what muscles then still miss.

    python tools/experiments/clips_within_strength.py --out FOLDER [--body ms_human_700] [--clips kick dance_a]

Each clip is what ``msemu-track CLIP --repair strength --strength-set athlete`` follows; missing torques are those
before and after, changes are against the retargeted recording. ``within.md`` has a row for each, written after every
clip.
"""

import argparse
import time
from pathlib import Path

import numpy as np

from msemu.analysis.static_optimization.missing import joint_groups, missing_shares
from msemu.control.weakness import find_weaknesses
from msemu.errors import command
from msemu.files import write_text
from msemu.models import Body, load_body
from msemu.models.strength.sets import with_strength
from msemu.motion.library.catalogue import Entry, find_entries
from msemu.motion.repair.paths import landmark_distance
from msemu.motion.repair.stance.stances import compare_stances
from msemu.tracking.environment import tracking_cfg
from msemu.tracking.reference.followed import load_followed
from msemu.tracking.reference.within_strength import measure

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
    columns = ("clip", "trunk", "legs", "arms", "mean, largest change", "timing", "stance median, most")
    rows = [f"| {' | '.join((*columns, 'still missing', 'time'))} |", "|---" * (len(columns) + 2) + "|"]
    for entry in find_entries(args.clips):
        rows.append(row(body, strong, entry))
        write_text(args.out / "within.md", "\n".join(rows) + "\n")


def row(body: Body, strong: Body, entry: Entry) -> str:
    """Return the row of a clip."""
    begin = time.perf_counter()
    cfg = tracking_cfg(body.name, entry.name)
    stands = load_followed(cfg, body, strong, "contact").clip
    found = load_followed(cfg, body, strong, "strength")
    spent = time.perf_counter() - begin
    groups, now = joint_groups(body), measure(strong, found.clip)
    before, after = missing_shares(measure(strong, stands), groups), missing_shares(now, groups)
    shares = (f"{100 * before[group]:.1f}, {100 * after[group]:.1f} %" for group in ("trunk", "legs", "arms"))
    longer, changes = found.clip.quality.get("repair_longer_s", 0.0), ""
    if found.recorded:
        apart = 100.0 * landmark_distance(body, found.clip.qpos, found.recorded.qpos)
        changes = f"{apart.mean():.1f}, {apart.max():.1f} cm"
    stances = [each.after for each in compare_stances(body, found.clip, found.clip)]
    left = [float(np.max([getattr(each, name) for each in stances], initial=0.0)) for name in ("median", "most")]
    weak = [
        f"{each.joint} {abs(each.missing):.0f} of {abs(each.needed):.0f} N m at {each.frame}"
        for each in find_weaknesses(now)[:MOST_NAMED]
    ]
    timing = f"{1000 * longer:+.0f} ms" if longer else "kept"
    cells = (entry.name, *shares, changes, timing, ", ".join(f"{value:.2f}" for value in left), "; ".join(weak))
    return f"| {' | '.join(cells)} | {spent:.0f} s |"


if __name__ == "__main__":
    main()
