"""What the repair of stance makes of the catalogue's clips, and what their trunk then asks of athletes' muscles.

    python tools/experiments/repaired_clips.py --out FOLDER [--bodies myofullbody] [--clips paper acrobatics]

Each clip is prepared with ``--repair contact``. The first table has what contacts leave of its worst stance and how far
it moved, the second what static optimization with the strength set ``athlete`` misses of the trunk's torques before and
after, in every fourth frame, and where most is missing. ``repaired.json`` keeps what has been measured at the same
versions of the repair, so that the same command again goes on where it was stopped.
"""

import argparse
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from msemu.analysis.static_optimization.report import summarize, trunk_joints
from msemu.console import write_json
from msemu.control.inverse_dynamics import differentiate
from msemu.control.static_optimization import optimize
from msemu.errors import command
from msemu.files import read_text, write_text
from msemu.models import Body, load_body
from msemu.models.strength.sets import with_strength
from msemu.motion.clip import MotionClip
from msemu.motion.library.catalogue import Entry, find_entries
from msemu.motion.library.obtain import obtain_clip
from msemu.motion.repair.repair import REPAIR_VERSION, STANCE_VERSION
from msemu.motion.repair.stance.stances import STANCE_MOST
from msemu.motion.support import find_stances, support_along

STRIDE, SMOOTHING_S, STRENGTH = 4, 0.02, "athlete"
CHANGES = ("repair_change_mean_cm", "repair_change_max_cm")
GOOD_SHARE = 0.02
"""Share of the trunk's torque that may be missing."""


@command
def main() -> None:
    """Measure what is not known yet, and write everything after each clip."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bodies", nargs="+", default=["myofullbody", "ms_human_700"])
    parser.add_argument("--clips", nargs="+", default=["paper", "acrobatics"], help="clips or sets of clips")
    parser.add_argument("--out", type=Path, required=True, help="folder of the results")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    path = args.out / "repaired.json"
    known: dict[str, Any] = json.loads(read_text(path)) if path.exists() else {}
    for name in args.bodies:
        body = load_body(name)
        strong = with_strength(body, STRENGTH)
        for entry in find_entries(args.clips):
            key = f"{entry.name} {name} {REPAIR_VERSION}.{STANCE_VERSION}"
            if key not in known:
                known[key] = measure(body, strong, entry)
                write_json(path, known)
                write_text(args.out / "repaired.md", tables(known.items()))


def measure(body: Body, strong: Body, entry: Entry) -> dict[str, Any]:
    """Return the figures of a clip before and after."""
    before, after = (MotionClip.load(obtain_clip(entry, body, kind=kind)) for kind in ("flight", "contact"))
    stances = find_stances(*support_along(body, after), after.cyclic)
    left = [
        {"first": each.first, "last": each.last, "frames": int((each.residual > STANCE_MOST).sum()),
         "most": each.most, "worst": each.worst, "reason": each.reason}
        for each in stances
    ]  # fmt: skip
    return {
        "quality": {name: value for name, value in after.quality.items() if name.startswith("repair_")},
        "stances": left,
        "trunk": {when: trunk(strong, clip) for when, clip in (("before", before), ("after", after))},
    }


def trunk(body: Body, clip: MotionClip) -> dict[str, Any]:
    """Return the share of the trunk's torque that is missing, and where most of it is."""
    result, joints = optimize(body, differentiate(body, clip, SMOOTHING_S).every(STRIDE)), trunk_joints(body)
    places = np.flatnonzero(np.isin(result.dof_names, joints))
    missing = np.abs(result.residual[:, places])
    row, column = np.unravel_index(int(missing.argmax()), missing.shape)
    place = places[column]
    return {
        "missing": summarize(result, joints)["trunk_torque_missing_share"],
        "joint": result.dof_names[place],
        "frame": int(row) * STRIDE,
        "missing_nm": float(missing[row, column]),
        "needed_nm": float(abs(result.net_torque[row, place])),
        "root_bw": float(result.root_force_residual[row]),
    }


def tables(known: Iterable[tuple[str, dict[str, Any]]]) -> str:
    """Show both tables, and the frames in which too much is left, as Markdown."""
    stance = heading("clip", "body", "median frame before, after", "worst frame before, after", "change, largest")
    frames = heading("clip", "body", "stance", "frames above 0.3", "worst frame", "what is asked for there")
    torque = heading("clip", "body", "trunk torque missing before, after", "most missing after")
    for key, figures in known:
        clip, body, _ = key.split()
        subject, quality = f"| {clip} | `{body}` |", figures["quality"]
        pairs = (
            ", ".join(f"{quality.get(f'repair_stance_{name}_{when}', 0.0):.2f}" for when in ("before", "after"))
            for name in ("median", "most")
        )
        changes = ", ".join(f"{quality.get(name, 0.0):.1f}" for name in CHANGES)
        stance.append(f"{subject} {' | '.join(pairs)} | {changes} cm |")
        frames += [
            f"{subject} {each['first']} to {each['last']} | {each['frames']} | {each['most']:.2f} at {each['worst']}"
            f" | {each['reason']} |"
            for each in figures["stances"]
            if each["most"] > STANCE_MOST
        ]
        before, after = figures["trunk"]["before"], figures["trunk"]["after"]
        place = (
            f"{after['joint']} at frame {after['frame']}: {after['missing_nm']:.0f} of {after['needed_nm']:.0f} N m,"
            f" {after['root_bw']:.2f} BW at the root unexplained"
        )
        shares = f"{100 * before['missing']:.1f}, {100 * after['missing']:.1f} %"
        torque.append(f"{subject} {shares} | {place if after['missing'] > GOOD_SHARE else ''} |")
    return "\n\n".join("\n".join(rows) for rows in (stance, frames, torque)) + "\n"


def heading(*columns: str) -> list[str]:
    """Return the first two lines of a table in Markdown."""
    return [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]


if __name__ == "__main__":
    main()
