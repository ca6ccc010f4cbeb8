#!/usr/bin/env python
"""Measure how far the muscle controller gets at an action of zero, over bodies, clips and starts of its solver.

    python tools/prior_table.py --out priors [--subjects myolegs:walk myofullbody:jump] [--seeds 1 2 3] [--threads 1]

A clip that repeats is followed for 10 s from 24 evenly spaced frames. One that does not is followed from its first
frame to its end, which gives the share of it that is reached, and for 1 s from 24 frames. Each figure is the mean over
the seeds of the solver's start, with least and greatest. Writes ``priors.md`` and ``priors.json`` after every
measurement. What has been measured at the same commit is kept there, so that the same command again goes on where it
was stopped.
"""

import argparse
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, get_args

from msemu.bench.prior import PriorSubject
from msemu.console import write_json
from msemu.errors import command
from msemu.files import read_text, write_text
from msemu.rl.provenance import git_state
from msemu.schema import RepairKind

SUBJECTS = (
    *("myolegs:walk", "myofullbody:walk", "ms_human_700:walk", "myolegs:run", "myofullbody:run"),
    *(
        f"{body}:{clip}"
        for clip in ("jump", "cartwheel", "dance_a", "dance_b", "kick", "spinkick", "backflip")
        for body in ("myofullbody", "ms_human_700")
    ),
)
CYCLE_S, PART_S, WHOLE_S, STARTS = 10.0, 1.0, 1000.0, 24
"""Length of an episode of a clip that repeats, of a part of another one, and more than any clip's [s]; their starts."""
COLUMNS = {
    "time [s]": ("starts", "survival_time_s", 1.0),
    "of [s]": ("starts", "episode_length_s", 1.0),
    "to the end [%]": ("starts", "survival", 100.0),
    "joints [deg]": ("starts", "joint_angle_error_deg", 1.0),
    "pelvis [deg]": ("starts", "root_rotation_error_deg", 1.0),
    "pelvis [cm]": ("starts", "root_translation_error_cm", 1.0),
    "share of the clip from frame 0 [%]": ("whole", "survival_from_start", 100.0),
    "joints [deg] ": ("whole", "joint_angle_error_deg", 1.0),
    "pelvis [deg] ": ("whole", "root_rotation_error_deg", 1.0),
}
"""What each column shows: of which episodes, which figure, times what."""

Figures = dict[str, dict[str, Any]]
Measure = Callable[[str, int], Figures]


@command
def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--subjects", nargs="+", default=SUBJECTS, metavar="BODY:MOTION")
    parser.add_argument("--seeds", nargs="+", type=int, default=(1, 2, 3))
    parser.add_argument("--action", default="joint", help="action space: a name of cfg/action or a file")
    parser.add_argument("--repair", choices=get_args(RepairKind), default="contact", help="repair of the clips")
    parser.add_argument("--threads", type=int, default=0, help="of the physics; 0 uses every core")
    parser.add_argument("--out", type=Path, required=True, help="folder of the results")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    state = f"{args.action}, {args.repair}, {git_state()}"
    collect(args.subjects, args.seeds, state, measuring(args.action, args.threads, args.repair), args.out)


def measuring(action: str, threads: int, repair: RepairKind) -> Measure:
    """Return what measures a subject from a start of the solver; it keeps the last subject."""
    loaded: dict[str, PriorSubject] = {}

    def measure(name: str, seed: int) -> Figures:
        if name not in loaded:
            loaded.clear()
            loaded[name] = PriorSubject.named(name, threads, repair)
        subject, cyclic = loaded[name], loaded[name].clip.cyclic
        found = {"starts": subject.measure(action, STARTS, CYCLE_S if cyclic else PART_S, seed)}
        if not cyclic:
            found["whole"] = subject.measure(action, 1, WHOLE_S, seed)
        return {what: asdict(evaluation) for what, evaluation in found.items()}

    return measure


def collect(subjects: Sequence[str], seeds: Sequence[int], state: str, measure: Measure, out: Path) -> None:
    """Measure what is not known yet of a state of the controller, and write everything after each measurement."""
    path = out / "priors.json"
    known: dict[str, dict[str, Figures]] = json.loads(read_text(path)) if path.exists() else {}
    found = known.setdefault(state, {})
    for subject in subjects:
        for seed in seeds:
            if f"{subject} {seed}" not in found:
                found[f"{subject} {seed}"] = measure(subject, seed)
                write_json(path, known)
                write_text(out / "priors.md", table(state, subjects, seeds, found))
    write_text(out / "priors.md", table(state, subjects, seeds, found))


def table(state: str, subjects: Sequence[str], seeds: Sequence[int], found: dict[str, Figures]) -> str:
    """Show what is known as Markdown."""
    rows = [f"{state}; seeds {' '.join(map(str, seeds))}", ""]
    rows += ["| subject | " + " | ".join(map(str.strip, COLUMNS)) + " |", "|---" * (len(COLUMNS) + 1) + "|"]
    for subject in subjects:
        known = [found[f"{subject} {seed}"] for seed in seeds if f"{subject} {seed}" in found]
        if known:
            cells = (cell([each.get(what, {}).get(key) for each in known], by) for what, key, by in COLUMNS.values())
            rows.append(f"| {subject} | " + " | ".join(cells) + " |")
    return "\n".join(rows) + "\n"


def cell(values: Sequence[float | None], factor: float) -> str:
    """Show the mean over seeds, and least and greatest where they differ; nothing where there is no figure."""
    known = [factor * value for value in values if value is not None and math.isfinite(value)]
    if not known:
        return ""
    mean, low, high = (f"{value:.2f}" for value in (sum(known) / len(known), min(known), max(known)))
    return mean if low == high else f"{mean} ({low} to {high})"


if __name__ == "__main__":
    main()
