"""What benchmarks measure: environments of a tracking task, and bodies that move at random."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from msemu.bench.timing import in_rounds, seconds, summary
from msemu.console import with_progress
from msemu.envs.motion_tracking import MotionTrackingEnv
from msemu.models import Body, load_body
from msemu.motion.library.task_clips import load_clip
from msemu.registry import TaskSpec, find_body, get_task
from msemu.rl.assemble import make_env
from msemu.schema import LEVELS
from msemu.sim import Simulation

EXCITATION = 0.3
"""Greatest excitation of the physics steps [-]."""
_JOINT_SPEED = 0.5  # [rad/s]


def tracking_task(body: str) -> TaskSpec:
    """Return the task in which a body follows any motion.

    Raises:
        MsemuError: There is none for this body.
    """
    return get_task(f"Msemu-Track-{find_body(body).title}-v0", body)


def tracking_env(
    body: str, body_path: Path | None, motion: str, num_envs: int, seed: int = 0, **sim: Any
) -> MotionTrackingEnv:
    """Make environments in which a body follows a motion; ``sim`` are values of `SimCfg`."""
    task = tracking_task(body)
    cfg = task.load_config()
    cfg = replace(cfg, motion=motion, num_envs=num_envs, sim=replace(cfg.sim, **sim))
    loaded = load_body(body, body_path)
    return make_env(task.id, cfg, loaded, with_progress(load_clip)(cfg, loaded), seed)


def moving_bodies(body: Body, num_envs: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Bodies in the standing pose with random joint speeds and weak random excitation, the same in every call.

    Returns:
        What ``reset`` of a simulation takes: a mask of all environments, qpos, qvel and the excitation.
    """
    generator = torch.Generator().manual_seed(0)
    qpos = np.repeat(body.neutral_qpos[None], num_envs, axis=0)
    speed = _JOINT_SPEED * torch.randn(num_envs, body.model.nv, generator=generator, dtype=torch.float64)
    qvel = body.couplings.project_velocity(qpos, speed.numpy())
    excitation = EXCITATION * torch.rand(num_envs, body.num_muscles, generator=generator, dtype=torch.float64)
    return torch.ones(num_envs, dtype=torch.bool), torch.from_numpy(qpos), torch.from_numpy(qvel), excitation


def by_level(subject: dict[str, Any], figures: np.ndarray) -> list[dict[str, Any]]:
    """Median and quartiles of each muscle level; ``figures`` have the shape [rounds, levels]."""
    return [subject | {"level": level} | summary(values) for level, values in zip(LEVELS, figures.T, strict=True)]


def physics_shares(sim: Simulation, substeps: int, rounds: int) -> dict[str, float]:
    """Share of each stage of a control step's physics, timed singly; nothing where the engine cannot launch them so."""
    stages, before = sim.stages(substeps), sim.state_dict()
    if not stages:
        return {}

    def taken(work: Callable[[], object]) -> float:
        sim.load_state_dict(before)
        return seconds(work, sim.device)

    excitation = sim.act.clone()
    works = [lambda: sim.step(excitation, substeps), *stages.values()]
    whole, *parts = np.median(in_rounds(lambda _: [taken(work) for work in works], rounds), axis=0)
    sim.load_state_dict(before)
    return dict(zip(stages, (parts / whole).tolist(), strict=True)) | {"engine": float(1.0 - sum(parts) / whole)}
