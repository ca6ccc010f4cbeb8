"""``--agent flow`` end to end: training, resuming, checkpoints of other heads, export."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from small_agent import small_agent

from msemu.cli.train import parse, train
from msemu.envs.motion_tracking import MotionTrackingEnv
from msemu.errors import MsemuError
from msemu.models import Body
from msemu.motion.clip import MotionClip
from msemu.rl import checkpoint
from msemu.rl.assemble import open_policy
from msemu.rl.flow.export import export_sampler
from msemu.rl.run_folder import RunFolder
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


def test_a_resumed_run_equals_an_uninterrupted_one(train_cfg: TrainCfg) -> None:
    whole = RunFolder.open(train(TASK, replace(train_cfg, iterations=2, run_name="whole")))
    first = RunFolder.open(train(TASK, replace(train_cfg, iterations=1, run_name="halves")))
    train(TASK, replace(first.load_config(), iterations=1, resume=str(first.path)))
    one, two = (checkpoint.read(run.checkpoint("last"), "cpu") for run in (whole, first))
    assert one["iter"] == two["iter"] == 1 and one["head"] == "FlowDistribution"
    for part in ("actor_state_dict", "critic_state_dict", "env"):
        assert one[part].keys() == two[part].keys()
        assert all(torch.equal(one[part][name], two[part][name]) for name in one[part]), part
    learned = one["actor_state_dict"]["distribution.flow.output.weight"]
    assert learned.abs().max() > 0 and one["skipped_updates"] == 0


def test_a_policy_comes_back_from_its_checkpoint(train_cfg: TrainCfg) -> None:
    run = RunFolder.open(train(TASK, replace(train_cfg, iterations=1)))
    env, runner = open_policy(run, run.checkpoint("last"), 2, "cpu", seed=0)
    wanted = checkpoint.read(run.checkpoint("last"), "cpu")["actor_state_dict"]
    assert all(torch.equal(value, wanted[name]) for name, value in runner.alg.actor.state_dict().items())
    actions = runner.policy()(env.get_observations())
    assert actions.shape == (2, env.num_actions)
    assert torch.equal(actions, runner.policy()(env.get_observations()))


@pytest.mark.parametrize(("has", "wants"), [("ppo", "flow"), ("flow", "ppo")])
def test_a_checkpoint_of_another_head_names_both(train_cfg: TrainCfg, has: str, wants: str) -> None:
    stored = RunFolder.open(train(TASK, replace(train_cfg, agent=small_agent(has), iterations=1, run_name=has)))
    other = RunFolder.open(train(TASK, replace(train_cfg, agent=small_agent(wants), iterations=1, run_name=wants)))
    heads = {"ppo": "GaussianDistribution", "flow": "FlowDistribution"}
    with pytest.raises(MsemuError, match=f"head {heads[has]}, not {heads[wants]}") as caught:
        open_policy(other, stored.checkpoint("last"), 1, "cpu", seed=0)
    assert "\n" not in str(caught.value)


def test_an_unknown_head_or_agent_lists_those_that_exist(train_cfg: TrainCfg, legs: Body, march: MotionClip) -> None:
    env = MotionTrackingEnv(train_cfg, legs, march)
    for name in ("FlowDistribution", "msemu.rl.flow.distribution:Flow", "PPO"):
        train_cfg.agent.actor["distribution_cfg"]["class_name"] = name
        with pytest.raises(MsemuError, match=rf"unknown action head '{name}'.*known: gaussian.*flow"):
            Runner(env, train_cfg.agent, None, "cpu")
    with pytest.raises(MsemuError, match=r"unknown agent 'flows'.*flow"):
        parse(TASK, ["--agent", "flows"])


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
