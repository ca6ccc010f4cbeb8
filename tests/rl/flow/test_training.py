"""``--agent flow`` end to end: training, resuming, checkpoints of other heads, export."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from small_agent import small_agent

from msemu.envs.motion_tracking import MotionTrackingEnv
from msemu.models import Body
from msemu.motion.clip import MotionClip
from msemu.rl.flow.export import export_sampler
from msemu.rl.runner import Runner
from msemu.schema import TrainCfg

TASK = "Msemu-Track-MyoLegs-v0"


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def train_cfg(train_cfg: TrainCfg) -> TrainCfg:
    """The small run with a flow."""
    return replace(train_cfg, agent=small_agent("flow"))


@pytest.fixture
def runner(train_cfg: TrainCfg, legs: Body, march: MotionClip) -> Runner:
    """An untrained policy whose flow moves its source."""
    runner = Runner(MotionTrackingEnv(train_cfg, legs, march), train_cfg.agent, None, "cpu")
    torch.nn.init.normal_(runner.alg.actor.distribution.flow.output.weight, std=0.2)
    return runner


def test_the_exported_policy_and_sampler_give_the_same_actions(runner: Runner, tmp_path: Path) -> None:
    runtime = pytest.importorskip("onnxruntime")
    actor = runner.alg.actor
    obs = torch.randn(5, actor.obs_dim)
    noise = torch.randn(5, runner.env.num_actions)
    groups = runner.env.get_observations()[:1].expand(5).clone()
    begin = 0
    for name in actor.obs_groups:
        groups[name] = obs[:, begin : begin + groups[name].shape[1]]
        begin += groups[name].shape[1]
    with torch.no_grad():
        policy = actor(groups)
        head = actor.distribution
        mean, context = head._split(actor.mlp(actor.get_latent(groups)))
        sampled = head.flow(mean + head.source_std * noise, mean, head.source_std, context)
    assert (sampled - policy).abs().max() > 0.01 and (policy - mean).abs().max() > 0.01

    runner.export_policy_to_jit(str(tmp_path), "policy.pt")
    assert torch.allclose(torch.jit.load(tmp_path / "policy.pt")(obs), policy, atol=1e-5)
    export_sampler(actor, tmp_path / "sampler.pt")
    assert torch.allclose(torch.jit.load(tmp_path / "sampler.pt")(obs, noise), sampled, atol=1e-5)

    runner.export_policy_to_onnx(str(tmp_path), "policy.onnx")
    session = runtime.InferenceSession(tmp_path / "policy.onnx", providers=["CPUExecutionProvider"])
    rows = [session.run(None, {"obs": row[None].numpy()})[0][0] for row in obs]
    assert np.allclose(rows, policy.numpy(), atol=1e-5)
    export_sampler(actor, tmp_path / "sampler.onnx")
    session = runtime.InferenceSession(tmp_path / "sampler.onnx", providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"obs": obs.numpy(), "noise": noise.numpy()})
    assert np.allclose(found, sampled.numpy(), atol=1e-5)
