"""``msemu-bench decoder``: what the muscle decoder costs beside the physics of the same control step."""

import time
from typing import Any, cast

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from msemu.bench.options import DecoderBenchCfg
from msemu.bench.timing import cells, in_rounds, named_summary, publish
from msemu.console import with_progress
from msemu.control.dynamics import EngineDynamics
from msemu.control.inverse_dynamics import differentiate
from msemu.control.tracking.decoder import MuscleDecoder
from msemu.models import Body, load_body
from msemu.models.simulated import simulate
from msemu.motion.clip import MotionClip
from msemu.motion.library.task_clips import load_clip
from msemu.schema import DecoderCfg, SimCfg, TaskCfg
from msemu.sim.cpu import CpuSimulation

_TIMESTEP_S = 0.002
_SUBSTEPS = 10
_STIFFNESS, _DAMPING = 100.0, 20.0  # [1/s^2], [1/s]
_SMOOTHING_S = 0.02


def bench_decoder(args: DecoderBenchCfg) -> None:
    """Measure, print and write the figures."""
    # As in the environment: the tensors are small, and idle threads would take the cores from the physics.
    torch.set_num_threads(1)
    figures = []
    for name in args.bodies:
        body = load_body(name)
        clip = with_progress(load_clip)(TaskCfg(body=name, motion=args.motion), body)
        with Console().status(name):
            figures.append(measure_decoder(body, clip, args))
    publish({"motion": args.motion, "bodies": figures}, args.json, _table(figures, args.num_envs))


def measure_decoder(body: Body, clip: MotionClip, args: DecoderBenchCfg) -> dict[str, Any]:
    """Let decoded muscles follow a clip from every frame, and time decoder and physics in each control step.

    The wanted acceleration is the clip's plus a critically damped pull of the joints towards it; the root is free, so
    bodies drift and fall. They start anew from the clip in each round.

    Returns:
        Medians and quartiles of the times of a control step of all environments [ms] and of ``decoder_ratio``, the
        decoder's time with the reading of the dynamics over that of the physics; and how good the solves were.
    """
    num_envs, steps = args.num_envs, args.steps
    cfg = SimCfg(device="cpu", num_threads=args.threads, timestep_s=_TIMESTEP_S, paths=args.paths)
    sim = cast(CpuSimulation, simulate(body, num_envs, cfg))
    reader = EngineDynamics(body.lean if sim.is_lean else body, sim, ["foot_r", "foot_l"])
    settings = DecoderCfg()
    decoder = MuscleDecoder(body, reader, num_envs, _SUBSTEPS, _TIMESTEP_S, settings=settings, num_threads=args.threads)
    movement = differentiate(body, clip, _SMOOTHING_S)
    qpos, qvel, qacc = (torch.from_numpy(values) for values in (movement.qpos, movement.qvel, movement.qacc))
    stride = max(1, round(_SUBSTEPS * _TIMESTEP_S * clip.fps))
    everything = torch.ones(num_envs, dtype=torch.bool)
    joints = reader.dofs.index[6:]
    gaps, converged, missing = [], [], []

    def follow(_: int) -> np.ndarray:
        """Follow the clip from every frame; return the times of reading, decoding and physics [ms]."""
        frame = torch.arange(num_envs) % clip.num_frames
        sim.reset(everything, qpos[frame], qvel[frame], torch.full_like(sim.act, 0.05))
        decoder.reset(everything)
        times = np.zeros(3)
        for _ in range(steps):
            wanted = qacc[frame][:, reader.dofs.index]
            wanted[:, 6:] += _STIFFNESS * (qpos[frame][:, joints + 1] - sim.qpos[:, joints + 1])
            wanted[:, 6:] += _DAMPING * (qvel[frame][:, joints] - sim.qvel[:, joints])
            start = time.perf_counter()
            state = reader.read_present(wanted)
            read = time.perf_counter()
            decoded = decoder.decode(state, sim.act)
            solved = time.perf_counter()
            sim.step(decoded.excitation.double(), _SUBSTEPS)
            times += np.array([read - start, solved - read, time.perf_counter() - solved])
            frame = (frame + stride) % clip.num_frames
            gaps.append(decoded.relative_gap)
            converged.append(decoded.converged)
            missing.append((decoded.residual / decoder.scale)[:, 6:].abs().mean(1))
        return 1e3 * times / steps

    read, decode, physics = in_rounds(follow, args.rounds).T
    return {
        "body": body.name,
        "paths": args.paths,
        "muscles": body.num_muscles,
        "dofs": len(reader.dofs),
        "num_envs": num_envs,
        "iterations": settings.iterations,
        "converged_share": float(torch.cat(converged).double().mean()),
        "relative_gap_median": float(torch.cat(gaps).nanmedian()),
        "torque_missing_mean": float(torch.cat(missing).nanmean()),
        **named_summary(read_ms=read, decode_ms=decode, physics_ms=physics, decoder_ratio=(read + decode) / physics),
    }


def _table(figures: list[dict[str, Any]], num_envs: int) -> Table:
    columns = ("body", "muscles", "read [ms]", "decode [ms]", "physics [ms]", "ratio", "quartiles", "solved", "missing")
    table = Table(
        *columns, title=f"Muscle decoder, a control step of {num_envs} environments; missing: mean torque over capacity"
    )
    for row in figures:
        table.add_row(
            row["body"],
            str(row["muscles"]),
            *(f"{row[key]:.1f}" for key in ("read_ms", "decode_ms", "physics_ms")),
            *cells(row["decoder_ratio"], row["decoder_ratio_quartiles"], 2),
            f"{100 * row['converged_share']:.0f} %",
            f"{100 * row['torque_missing_mean']:.1f} %",
        )
    return table
