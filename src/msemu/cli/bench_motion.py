"""``msemu-bench motion``: how long retargeting takes."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from rich.console import Console
from rich.table import Table

from msemu.cli.bench_options import require_positive
from msemu.console import progress, write_json

if TYPE_CHECKING:
    from msemu.models.body import Body
    from msemu.motion.source import SourceMotion


@dataclass
class MotionBench:
    """Retargeting: seconds for 1,000 frames of a clip.

    Clips of the catalogue are retargeted without the cache, at 50 frames per second, as `msemu-motion import` does it.
    """

    bodies: tuple[str, ...] = ("myolegs", "myofullbody")
    """Bodies that are measured."""
    motions: tuple[str, ...] = ("walk", "dance_a", "cartwheel")
    """Clips of the catalogue."""
    rounds: int = 3
    """Times that each clip is retargeted; the medians count."""
    json: Path | None = None
    """File to write the figures to."""


def bench_motion(args: MotionBench) -> None:
    """Measure, print and write the figures."""
    from msemu.models import load_body
    from msemu.motion.library.obtain import load_source

    require_positive(rounds=args.rounds)
    sources = {name: load_source(name) for name in args.motions}
    figures = []
    for name in args.bodies:
        body = load_body(name)
        with progress(name, transient=True) as on_clip:
            for done, (motion, source) in enumerate(sources.items(), 1):
                figures.append({"body": name, "motion": motion} | _measure(body, source, args.rounds))
                on_clip(done, len(sources))
    table = Table("body", "clip", "frames", "seconds", "CPU seconds", title="Retargeting of 1,000 frames")
    for row in figures:
        numbers = (f"{row[key]:.1f}" for key in ("seconds_per_1000_frames", "cpu_seconds_per_1000_frames"))
        table.add_row(row["body"], row["motion"], str(row["frames"]), *numbers)
    Console().print(table)
    if args.json:
        write_json(args.json, {"rounds": args.rounds, "clips": figures})


def _measure(body: "Body", source: "SourceMotion", rounds: int) -> dict[str, float]:
    """Retarget a clip several times; return frames and medians."""
    from msemu.motion.library.catalogue import find_entry
    from msemu.motion.retargeting.retarget import RetargetCfg, retarget

    settings = RetargetCfg(cyclic=find_entry(source.name).cyclic)
    seconds, cpu_seconds = [], []
    for _ in range(rounds):
        wall, cpu = time.perf_counter(), time.process_time()
        clip = retarget(body, source, settings)
        seconds.append(time.perf_counter() - wall)
        cpu_seconds.append(time.process_time() - cpu)
    per_1000 = 1000.0 / clip.num_frames
    return {
        "frames": clip.num_frames,
        "seconds_per_1000_frames": float(np.median(seconds)) * per_1000,
        "cpu_seconds_per_1000_frames": float(np.median(cpu_seconds)) * per_1000,
    }
