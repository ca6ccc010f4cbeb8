"""Policies for programs without msemu: the same excitations, the same observations, the same movement."""

import hashlib
import json
from pathlib import Path

import mujoco
import numpy as np
import pytest
import torch
from run_exported import run as run_exported
from small_agent import small_agent
from tensordict import TensorDict

from msemu.cli.commands import run as run_command
from msemu.errors import MsemuError
from msemu.models import Body
from msemu.motion.clip import MotionClip
from msemu.rl.assemble import make_env, open_policy
from msemu.rl.export.layout import layout
from msemu.rl.export.sampler import ExportedPolicy
from msemu.rl.run_folder import RunFolder
from msemu.rl.runner import Runner
from msemu.schema import JointCfg, TrainCfg

runtime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")
TASK = "Msemu-Track-MyoLegs-v0"


def make_run(cfg: TrainCfg, body: Body, clip: MotionClip, agent: str = "ppo") -> Path:
    """A run whose policy is untrained, and not still."""
    cfg.num_envs, cfg.sim.num_threads, cfg.agent = 1, 1, small_agent(agent)
    folder = RunFolder.create(TASK, cfg, body, [clip])
    runner = Runner(make_env(TASK, cfg, body, clip, 1), cfg.agent, folder.path, "cpu")
    torch.nn.init.normal_(runner.alg.actor.mlp[-1].weight, std=0.05)
    runner.save(str(folder.path / "model_0.pt"))
    return folder.path


@pytest.fixture
def run(train_cfg: TrainCfg, legs: Body, march: MotionClip) -> Path:
    return make_run(train_cfg, legs, march)


def export(run: Path, out: Path, *options: str) -> None:
    run_command("export", [str(run), "--checkpoint", "last", "--out", str(out), *options])


def test_an_exported_policy_moves_its_body_as_msemu_does(run: Path, tmp_path: Path) -> None:
    """With MuJoCo's muscles and paths where msemu has its own, observed from MuJoCo's arrays."""
    export(run, tmp_path / "out")
    poses = run_exported(tmp_path / "out", 0.2)
    env, runner = open_policy(RunFolder.open(run), run / "model_0.pt", 1, "cpu", 1)
    env.max_episode_length = 100
    observations, policy = env.restart(torch.zeros(1, dtype=torch.long)), runner.policy()
    for pose in poses:
        with torch.no_grad():
            observations, *_ = env.step(policy(observations))
        np.testing.assert_allclose(pose, env.sim.qpos[0], atol=2e-4)


def test_the_header_says_what_is_what(run: Path, legs: Body, march: MotionClip, tmp_path: Path) -> None:
    export(run, tmp_path / "out")
    session = runtime.InferenceSession(tmp_path / "out" / "policy.onnx")
    header = json.loads(session.get_modelmeta().custom_metadata_map["msemu"])
    assert header["body"]["name"] == "myolegs" and header["body"]["muscle_names"] == list(legs.muscle_names)
    assert header["control_frequency_hz"] == 50.0 and header["clips"][0]["frames"] == march.num_frames
    model = mujoco.MjModel.from_binary_path(str(tmp_path / "out" / "body.mjb"))
    assert model.opt.timestep == header["timestep_s"] and model.nu == 80
    movement = b"".join(array.astype("<f8").tobytes() for array in (march.qpos, march.qvel))
    assert header["clips"][0]["sha256"] == hashlib.sha256(movement).hexdigest()
    assert header["body"]["sha256"] == hashlib.sha256((tmp_path / "out" / "body.mjb").read_bytes()).hexdigest()
    columns = header["observations"]
    assert sum(block["count"] for block in columns) == session.get_inputs()[0].shape[1]
    env, _ = open_policy(RunFolder.open(run), run / "model_0.pt", 1, "cpu", 1)
    observed = torch.cat(
        [env.restart(torch.zeros(1, dtype=torch.long))[group] for group in env.cfg.env.observations], 1
    )

    def column(quantity: str, of: str) -> float:
        block = next(block for block in columns if block["quantity"] == quantity)
        return float(observed[0, block["first"] + block["of"].index(of)])

    assert column("joint position", "knee_angle_r") == pytest.approx(
        float(env.sim.qpos[0, 7 + legs.joint_names.index("knee_angle_r")]), abs=1e-6
    )
    assert column("activation", "soleus_l") == pytest.approx(float(env.sim.act[0, legs.muscle_names.index("soleus_l")]))
    knee = 7 + legs.joint_names.index("knee_angle_l")
    ahead = column("reference joint position less that of the body", "knee_angle_l +5")
    assert ahead == pytest.approx(march.qpos[5, knee] - march.qpos[0, knee], abs=1e-6)


def test_torchscript_says_the_same(run: Path, tmp_path: Path) -> None:
    export(run, tmp_path / "onnx")
    export(run, tmp_path / "torch", "--format", "torchscript")
    header = {"msemu": ""}
    policy = torch.jit.load(tmp_path / "torch" / "policy.pt", _extra_files=header)
    about = json.loads(header["msemu"])
    obs, noise = torch.randn(3, policy.obs_normalizer._mean.shape[1]), torch.randn(3, about["noise"])
    session = runtime.InferenceSession(tmp_path / "onnx" / "policy.onnx")
    found = session.run(None, {"obs": obs.numpy(), "noise": noise.numpy()})
    for one, other in zip(policy(obs, noise), found, strict=True):
        np.testing.assert_allclose(one.detach(), other, atol=1e-5)
    assert torch.jit.load(tmp_path / "torch" / "observer.pt")


@pytest.mark.parametrize("agent", ["ppo", "flow", "lattice"])
def test_a_sampler_draws_as_the_policy_does(train_cfg: TrainCfg, legs: Body, march: MotionClip, agent: str) -> None:
    """Of no noise it is the policy that is played; of much noise it has the mean and the spread of the head."""
    train_cfg.num_envs, train_cfg.agent = 1, small_agent(agent)
    env = make_env(TASK, train_cfg, legs, march, 1)
    actor = Runner(env, train_cfg.agent, None, "cpu").alg.get_policy()
    torch.nn.init.normal_(actor.mlp[-1].weight, std=0.05)
    exported = ExportedPolicy(actor, train_cfg.env.action)
    groups = env.get_observations()
    obs = torch.cat([groups[name] for name in actor.obs_groups], 1)
    with torch.no_grad():
        excitation, played = exported(obs, torch.zeros(1, 80))
        torch.testing.assert_close(played, actor(groups))
        torch.testing.assert_close(excitation, env.excitation(actor(groups)))
        many = TensorDict({name: groups[name].expand(4000, -1) for name in actor.obs_groups}, batch_size=[4000])
        drawn = actor(many, stochastic_output=True)[:, -80:]
        own = exported(obs.expand(4000, -1), torch.randn(4000, 80))[1]
    torch.testing.assert_close(own.mean(0), drawn.mean(0), atol=0.03, rtol=0.0)
    torch.testing.assert_close(own.std(0), drawn.std(0), atol=0.03, rtol=0.1)


def test_a_policy_that_needs_the_solver_is_distilled_first(
    train_cfg: TrainCfg, legs: Body, march: MotionClip, tmp_path: Path
) -> None:
    train_cfg.env.action = JointCfg()
    run = make_run(train_cfg, legs, march, "ppo_prior")
    with pytest.raises(MsemuError, match=r"acts in the space 'joint', .*; distill it first: msemu-distill") as refusal:
        export(run, tmp_path / "out")
    assert "\n" not in str(refusal.value) and not (tmp_path / "out").exists()


def test_muscles_that_mujoco_does_not_have_leave_the_policy_alone(
    train_cfg: TrainCfg, legs: Body, march: MotionClip, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    train_cfg.sim.muscle.level = "elastic"
    export(make_run(train_cfg, legs, march), tmp_path / "out", "--format", "torchscript")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["policy.pt"]
    assert capsys.readouterr().err.startswith("note: MuJoCo alone does not simulate the muscles of this run")


def test_every_group_of_observations_has_its_columns(train_cfg: TrainCfg, legs: Body, march: MotionClip) -> None:
    from msemu.schema import ObservationTermCfg

    train_cfg.num_envs = 1
    train_cfg.env.observations["fiber"] = ObservationTermCfg(scale=2.0)
    env = make_env(TASK, train_cfg, legs, march, 1)
    blocks = layout(env, list(train_cfg.env.observations))
    assert blocks[-1]["quantity"] == "tendon strain" and blocks[-1]["scale"] == 2.0
    assert blocks[-1]["first"] + blocks[-1]["count"] == sum(value.shape[1] for value in env.get_observations().values())
