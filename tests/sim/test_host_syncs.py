"""The environment on a device never waits for it, and never makes it wait for the host."""

import pytest
import torch
from count_reads import CountReads

from msemu.envs.motion_tracking import MotionTrackingEnv
from msemu.envs.readings import Transition
from msemu.models import Body
from msemu.motion.clip import MotionClip
from msemu.schema import RewardTermCfg, TaskCfg, TerminationTermCfg

NUM_STEPS = 5


def height(step: Transition) -> torch.Tensor:
    """A term as a plug-in has it."""
    return step.state.root_position[:, 2]


def test_the_guard_sees_what_it_should() -> None:
    values = torch.arange(4.0)
    with CountReads() as guard:
        float(values.sum())
        values[values > 1]
        values.nonzero()
        bool(values.any())
    assert guard.counts["_local_scalar_dense"] == 2
    assert guard.counts["nonzero"] >= 1
    assert guard.counts["index"] == 1


@pytest.mark.slow
@pytest.mark.parametrize("several", [False, True], ids=["one clip", "several clips"])
def test_a_step_reads_nothing_back(
    several: bool, legs: Body, march: MotionClip, march_once: MotionClip, tracking_cfg: TaskCfg
) -> None:
    tracking_cfg.sim.engine, tracking_cfg.sim.device = "warp", "cpu"
    tracking_cfg.env.terminations["forbidden_contact"].options["allowed"] = ("foot",) if several else ()
    tracking_cfg.env.rewards["own"] = RewardTermCfg(weight=1.0, function=f"{__name__}:height")
    tracking_cfg.env.terminations["own"] = TerminationTermCfg(limit=9.0, function=f"{__name__}:height")
    env = MotionTrackingEnv(tracking_cfg, legs, [march, march_once] if several else march, seed=0)
    # Bodies that stray are reset in the step, which must not wait either.
    tracking_cfg.env.terminations["body_position_deviation"].limit = 0.02
    generator = torch.Generator().manual_seed(0)
    env.step(torch.zeros(env.num_envs, env.num_actions))
    resets = torch.zeros(env.num_envs)
    with CountReads() as guard:
        for _ in range(NUM_STEPS):
            _, _, dones, _ = env.step(torch.rand(env.num_envs, env.num_actions, generator=generator))
            resets += dones
    assert resets.sum() > 0
    assert not guard.counts, f"a step reads from the device: {dict(guard.counts)}"


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device here")
@pytest.mark.parametrize("several", [False, True], ids=["one clip", "several clips"])
def test_a_step_does_not_synchronize_with_cuda(
    several: bool, legs: Body, march: MotionClip, march_once: MotionClip, tracking_cfg: TaskCfg
) -> None:
    tracking_cfg.sim.device = "cuda"
    tracking_cfg.env.terminations["forbidden_contact"].options["allowed"] = ("foot",) if several else ()
    env = MotionTrackingEnv(tracking_cfg, legs, [march, march_once] if several else march, seed=0)
    actions = torch.zeros(env.num_envs, env.num_actions, device=env.device)
    env.step(actions)
    torch.cuda.set_sync_debug_mode("error")
    try:
        for _ in range(NUM_STEPS):
            env.step(actions)
    finally:
        torch.cuda.set_sync_debug_mode("default")
