"""One policy of many preferences: it goes on from one that did not see them, and learns."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from msemu.cli.training import train
from msemu.config import load_named
from msemu.errors import MsemuError
from msemu.rl.assemble import open_policy
from msemu.rl.checkpoints import checkpoint
from msemu.rl.run_folder import RunFolder
from msemu.schema import JointCfg, ObservationTermCfg, PreferenceCfg, TrainCfg

TASK = "Msemu-Track-MyoLegs-v0"

pytestmark = pytest.mark.usefixtures("one_thread")


def test_a_policy_goes_on_under_preferences_that_it_did_not_see(train_cfg: TrainCfg) -> None:
    train_cfg.env.action, train_cfg.iterations = JointCfg(), 2
    first = RunFolder.open(train(TASK, train_cfg))
    env, runner = open_policy(first, first.checkpoint("last"), 4, "cpu", 1)
    observations = env.get_observations()
    expected = runner.policy()(observations)

    cfg = first.load_config()
    cfg.env.action = JointCfg(preference=load_named(PreferenceCfg, "continuum"))
    cfg.env.observations["preference"] = ObservationTermCfg()
    groups = {network: [*names, "preference"] for network, names in cfg.agent.obs_groups.items()}
    cfg.agent = replace(cfg.agent, obs_groups=groups)
    own = {**cfg.__dict__, "checkpoint": str(first.checkpoint("last")), "iterations": 2, "run_name": "many"}
    many = RunFolder.open(train(TASK, TrainCfg(**own)))
    env, runner = open_policy(many, many.checkpoint("last"), 4, "cpu", 1)
    runner.start_from(first.checkpoint("last"))
    seen = env.get_observations()
    for name, values in observations.items():
        seen[name] = values
    assert seen["preference"].any()
    torch.testing.assert_close(runner.policy()(seen), expected)
    learned = checkpoint.read(many.checkpoint("last"), "cpu")["actor_state_dict"]["mlp.0.weight"]
    assert learned[:, -seen["preference"].shape[1] :].abs().max() > 0.0  # it has begun to heed them


def test_a_preference_is_for_muscles_that_something_chooses_among(train_cfg: TrainCfg, tmp_path: Path) -> None:
    train_cfg.iterations = 1
    run = RunFolder.open(train(TASK, train_cfg))
    with pytest.raises(MsemuError, match="excitation"):
        open_policy(run, run.checkpoint("last"), 1, "cpu", 1, preference="cubed")
