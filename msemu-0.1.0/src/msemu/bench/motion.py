"""``msemu-bench motion``: how long retargeting takes."""

import time
from typing import Any

import numpy as np
from rich.table import Table

from msemu.bench.options import MotionBenchCfg
from msemu.bench.timing import publish
from msemu.console import progress
from msemu.models import Body, load_body
from msemu.motion.library.catalogue import find_entry
from msemu.motion.library.obtain import load_source
from msemu.motion.retargeting.retarget import RetargetCfg, retarget
from msemu.motion.source import SourceMotion


def bench_motion(args: MotionBenchCfg) -> None:
    """Measure, print and write the figures."""
    sources = {name: load_source(find_entry(name)) for name in args.motions}
    figures: list[dict[str, Any]] = []
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
    publish({"rounds": args.rounds, "clips": figures}, args.json, table)


def _measure(body: Body, source: SourceMotion, rounds: int) -> dict[str, float]:
    """Retarget a clip several times; return frames and medians."""
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
