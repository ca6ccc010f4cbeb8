"""Timings of the muscle decoder, in pairs with the physics of the same control step."""

import copy
import time
from typing import Any

import numpy as np
import torch

from msemu.control.dynamics import EngineDynamics
from msemu.control.inverse_dynamics import differentiate
from msemu.control.tracking.decoder import MuscleDecoder
from msemu.models.body import Body
from msemu.motion.clip import MotionClip
from msemu.schema import DecoderCfg
from msemu.sim.cpu import CpuSimulation

_TIMESTEP_S = 0.002
_SUBSTEPS = 10
_STIFFNESS, _DAMPING = 100.0, 20.0  # [1/s^2], [1/s]
_SMOOTHING_S = 0.02


def measure_decoder(
    body: Body, clip: MotionClip, num_envs: int, rounds: int, steps: int, threads: int
) -> dict[str, Any]:
    """Let decoded muscles follow a clip from every frame, and time decoder and physics in each control step.

    The wanted acceleration is the clip's plus a critically damped pull of the joints towards it; the root is free, so
    bodies drift and fall. They start anew from the clip in each round.

    Args:
        body: The body.
        clip: A clip of it.
        num_envs: Environments.
        rounds: Timings; the medians count.
        steps: Control steps of each timing.
        threads: Threads of engine and solver; 0 uses every core.

    Returns:
        Medians and quartiles of the times of a control step of all environments [ms] and of ``decoder_ratio``, the
        decoder's time with the reading of the dynamics over that of the physics; and how good the solves were.
    """
    model = copy.copy(body.model)
    model.opt.timestep = _TIMESTEP_S
    sim = CpuSimulation(model, num_envs, threads)
    reader = EngineDynamics(body, sim.field, ["foot_r", "foot_l"])
    settings = DecoderCfg()
    decoder = MuscleDecoder(body, reader, num_envs, _SUBSTEPS, _TIMESTEP_S, settings=settings, num_threads=threads)
    movement = differentiate(body, clip, _SMOOTHING_S)
    qpos, qvel, qacc = (torch.from_numpy(values) for values in vars(movement).values())
    stride = max(1, round(_SUBSTEPS * _TIMESTEP_S * clip.fps))
    everything = torch.ones(num_envs, dtype=torch.bool)
    joints = reader.dofs.index[6:]
    times = np.empty((rounds + 1, 3))
    gaps, converged, missing = [], [], []
    for row in times:
        frame = torch.arange(num_envs) % clip.num_frames
        sim.reset(everything, qpos[frame], qvel[frame], torch.full_like(sim.act, 0.05))
        decoder.reset(everything)
        row[:] = 0.0
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
            row += np.array([read - start, solved - read, time.perf_counter() - solved]) / steps
            frame = (frame + stride) % clip.num_frames
            gaps.append(decoded.relative_gap)
            converged.append(decoded.converged)
            missing.append((decoded.residual / decoder.scale)[:, 6:].abs().mean(1))
    times = 1e3 * times[1:]  # The first round warms caches and threads up.
    figures: dict[str, Any] = {
        "body": body.name,
        "muscles": body.num_muscles,
        "dofs": len(reader.dofs),
        "num_envs": num_envs,
        "iterations": settings.iterations,
        "converged_share": float(torch.cat(converged).double().mean()),
        "relative_gap_median": float(torch.cat(gaps).nanmedian()),
        "torque_missing_mean": float(torch.cat(missing).nanmean()),
    }
    ratio = (times[:, 0] + times[:, 1]) / times[:, 2]
    for key, values in (
        ("read_ms", times[:, 0]),
        ("decode_ms", times[:, 1]),
        ("physics_ms", times[:, 2]),
        ("decoder_ratio", ratio),
    ):
        figures[key] = float(np.median(values))
        figures[f"{key}_quartiles"] = np.percentile(values, [25, 75]).tolist()
    return figures
