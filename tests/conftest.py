"""Bodies and clips that several tests share."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from small_agent import small_agent

from msemu.models import Body, load_body
from msemu.motion.clip import MotionClip
from msemu.registry import get_task
from msemu.schema import TaskCfg, TrainCfg
from msemu.sim import single_threaded


@pytest.fixture(scope="session")
def legs() -> Body:
    """The smallest body: 80 leg muscles."""
    return load_body("myolegs")


def make_marching_clip(body: Body, frames: int = 50, cyclic: bool = True) -> MotionClip:
    """A made-up march: knees and hips swing, the pelvis goes 1 m per cycle. For unit tests only."""
    phase = 2 * np.pi * np.arange(frames) / frames
    qpos = np.repeat(body.neutral_qpos[None], frames, axis=0)
    qvel = np.zeros((frames, body.model.nv))
    qpos[:, 0] += np.arange(frames) / frames
    qvel[:, 0] = 50.0 / frames
    for side, shift in (("r", 0.0), ("l", np.pi)):
        for joint, center, amplitude in (("hip_flexion", 0.2, 0.3), ("knee_angle", 0.6, 0.4)):
            index = body.joint_names.index(f"{joint}_{side}")
            qpos[:, 7 + index] = center + amplitude * np.sin(phase + shift)
            qvel[:, 6 + index] = amplitude * np.cos(phase + shift) * 2 * np.pi * 50.0 / frames
    qpos = body.couplings.project(qpos)
    qvel = body.couplings.project_velocity(qpos, qvel)
    displacement = np.array([1.0, 0.0, 0.0]) if cyclic else np.zeros(3)
    return MotionClip(
        body=body.name,
        joint_names=body.joint_names,
        fps=50.0,
        qpos=qpos,
        qvel=qvel,
        cyclic=cyclic,
        cycle_displacement=displacement,
        name="march",
        source="made up",
        license="none",
    )


@pytest.fixture(scope="session")
def march(legs: Body) -> MotionClip:
    """A cyclic clip for the legs."""
    return make_marching_clip(legs)


@pytest.fixture(scope="session")
def march_once(legs: Body) -> MotionClip:
    """A clip for the legs that ends."""
    return make_marching_clip(legs, cyclic=False)


@pytest.fixture(scope="session")
def standing() -> Callable[[Body], MotionClip]:
    """Makes a clip in which a body stands still."""
    return make_standing_clip


def make_standing_clip(body: Body, frames: int = 10) -> MotionClip:
    """A second's fifth of standing. For unit tests only."""
    qpos, qvel = np.repeat(body.neutral_qpos[None], frames, axis=0), np.zeros((frames, body.model.nv))
    still = {"cyclic": True, "name": "standing", "source": "made up", "license": "none"}
    return MotionClip(body=body.name, joint_names=body.joint_names, fps=50.0, qpos=qpos, qvel=qvel, **still)


@pytest.fixture
def one_thread() -> Iterator[None]:
    """On a busy machine, threads that share a small product mostly wait for one another."""
    with single_threaded(torch.device("cpu")):
        yield


def small_run(march: MotionClip, folder: Path, agent: str = "ppo") -> TrainCfg:
    """A small run in ``folder`` whose episodes end, time out and are reset within a few iterations."""
    march.save(folder / "march.npz")
    cfg = TrainCfg(**vars(get_task("Msemu-Track-MyoLegs-v0").load_config()), agent=small_agent(agent))
    cfg.motion, cfg.runs_dir, cfg.device = str(folder / "march.npz"), str(folder / "runs"), "cpu"
    cfg.num_envs, cfg.env.episode_length_s = 4, 0.3
    return cfg


@pytest.fixture
def train_cfg(march: MotionClip, tmp_path: Path) -> TrainCfg:
    """A small run of PPO."""
    return small_run(march, tmp_path)


@pytest.fixture
def tracking_cfg() -> TaskCfg:
    """The legs' tracking task with few environments."""
    cfg = get_task("Msemu-Track-MyoLegs-v0").load_config()
    cfg.num_envs = 4
    cfg.sim.num_threads = 2
    return cfg
