"""``msemu-bench env``: environment steps against the physics they rest on."""

from typing import Any

import torch
from rich.table import Table

from msemu.bench.options import EnvBenchCfg
from msemu.bench.subject import tracking_env
from msemu.bench.timing import cells, in_rounds, named_summary, publish, seconds
from msemu.envs.motion_tracking import MotionTrackingEnv
from msemu.models.simulated import simulate

_LABELS = {
    "env_steps_per_s": ("environment steps/s", 0),
    "physics_only_steps_per_s": ("physics only, steps/s", 0),
    "physics_ratio": ("ratio", 3),
}


def bench_env(args: EnvBenchCfg) -> None:
    """Measure, print and write the figures."""
    sim: dict[str, Any] = {"num_threads": args.threads, "device": "cpu", "engine": "mujoco"}
    env = tracking_env(args.body, args.body_path, args.motion, args.num_envs, **sim)
    figures = measure_env(env, args.rounds, args.steps)
    table = Table("figure", "median", "quartiles", title=f"{args.body}, {args.num_envs} environments")
    for key, (label, digits) in _LABELS.items():
        table.add_row(label, *cells(figures[key], figures[f"{key}_quartiles"], digits))
    publish(figures, args.json, table)


def measure_env(env: MotionTrackingEnv, rounds: int, steps: int) -> dict[str, Any]:
    """Time ``steps`` control steps of ``env`` and the same physics without it, in turn.

    The excitation is the weak tone of an untrained policy with its noise, so that the bodies move, fall and are reset
    as in training. The raw physics starts each timing from the states that the environment is in.

    Returns:
        Medians and quartiles; ``physics_ratio`` is the median of the paired ratios.
    """
    generator = torch.Generator().manual_seed(0)
    substeps = round(1.0 / (env.cfg.env.control_frequency_hz * env.sim.model.opt.timestep))
    raw = simulate(env.body, env.num_envs, env.cfg.sim)
    actions = 0.3 * torch.randn(steps, env.num_envs, env.num_actions, generator=generator)
    excitation = env.excitation(actions)

    def step_env() -> None:
        for action in actions:
            env.step(action)

    def step_physics() -> None:
        for action in excitation:
            raw.step(action, substeps)

    def measure_pair(_: int) -> tuple[float, float]:
        raw.load_state_dict(env.sim.state_dict())
        return seconds(step_physics), seconds(step_env)

    physics, whole = steps * env.num_envs / in_rounds(measure_pair, rounds).T
    facts = {"num_envs": env.num_envs, "substeps": substeps, "body": env.body.name, "rounds": rounds}
    return facts | named_summary(physics_only_steps_per_s=physics, env_steps_per_s=whole, physics_ratio=whole / physics)
