"""Timings of the environment, in pairs with the physics it rests on."""

import time
from collections.abc import Callable
from typing import Any

import mujoco
import numpy as np
import torch
from mujoco.batch import Batch

from msemu.envs.motion_tracking import MotionTrackingEnv


def measure_env(env: MotionTrackingEnv, rounds: int, steps: int) -> dict[str, Any]:
    """Time control steps of ``env`` and the same physics without it, in turn.

    The excitation is the weak tone of an untrained policy with its noise, so that the bodies move, fall and are reset
    as in training. The raw physics starts each timing from the states that the environment is in.

    Args:
        env: The environment.
        rounds: Pairs of timings.
        steps: Control steps per timing.

    Returns:
        Medians and quartiles; ``physics_ratio`` is the median of the paired ratios.
    """
    generator = torch.Generator().manual_seed(0)
    substeps = round(1.0 / (env.cfg.env.control_frequency_hz * env.sim.model.opt.timestep))
    raw = Batch(env.sim.model, env.num_envs, env.cfg.sim.num_threads, persistent=True)
    actions = 0.3 * torch.randn(steps, env.num_envs, env.num_actions, generator=generator)

    def step_env() -> None:
        for action in actions:
            env.step(action)

    def step_physics() -> None:
        for action in excitation:
            raw.ctrl[:] = action
            raw.step(nstep=substeps)

    excitation = env.excitation(actions).double().numpy()
    step_env()
    times = np.empty((rounds, 2))
    for row in times:
        raw.state[:] = env.sim.state_dict()["state"].numpy()
        raw.forward(stage=mujoco.mjtStage.mjSTAGE_VEL)
        row[:] = _seconds(step_physics), _seconds(step_env)
    rates = steps * env.num_envs / times
    figures = {"num_envs": env.num_envs, "substeps": substeps, "body": env.body.name, "rounds": rounds}
    for key, values in (
        ("physics_only_steps_per_s", rates[:, 0]),
        ("env_steps_per_s", rates[:, 1]),
        ("physics_ratio", rates[:, 1] / rates[:, 0]),
    ):
        figures[key] = float(np.median(values))
        figures[f"{key}_quartiles"] = np.percentile(values, [25, 75]).tolist()
    return figures


def _seconds(call: Callable[[], None]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start
