"""What every agent of cfg/agent keeps: a run resumes to the bit, a policy comes back, mistakes are one line."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from conftest import small_run
from small_agent import small_agent
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from msemu.cli.train import parse
from msemu.cli.training import train
from msemu.config import cfg_names
from msemu.envs.motion_tracking import MotionTrackingEnv
from msemu.errors import MsemuError
from msemu.models import Body
from msemu.motion.clip import MotionClip
from msemu.rl.assemble import find_runner, open_policy
from msemu.rl.checkpoints import checkpoint
from msemu.rl.run_folder import RunFolder

TASK = "Msemu-Track-MyoLegs-v0"
AGENTS = cfg_names("agent")
TIMES = ("tot_time", "wall")

pytestmark = pytest.mark.usefixtures("one_thread")


class Runs(NamedTuple):
    """The same training in one go, and interrupted half way."""

    agent: str
    whole: RunFolder
    halves: RunFolder


@pytest.fixture(scope="module", params=AGENTS)
def runs(request: pytest.FixtureRequest, march: MotionClip, tmp_path_factory: pytest.TempPathFactory) -> Runs:
    cfg = small_run(march, tmp_path_factory.mktemp("runs"), request.param)
    whole = RunFolder.open(train(TASK, replace(cfg, iterations=4, run_name="whole")))
    halves = RunFolder.open(train(TASK, replace(cfg, iterations=2, run_name="halves")))
    train(TASK, replace(halves.load_config(), iterations=2, resume=str(halves.path)))
    return Runs(request.param, whole, halves)


def leaves(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Tensors and numbers of nested values, by their path."""
    if isinstance(value, (dict, list, tuple)):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in items:
            yield from leaves(item, f"{name}.{key}")
    else:
        yield name, value


def state_of(path: Path) -> dict[str, Any]:
    found = dict(leaves(checkpoint.read(path, "cpu")))
    return {name: value for name, value in found.items() if not any(time in name for time in TIMES)}


def same(one: Any, other: Any) -> bool:
    return torch.equal(one, other) if isinstance(one, torch.Tensor) else one == other


def test_a_resumed_run_equals_an_uninterrupted_one(runs: Runs) -> None:
    names = {path.name for path in runs.whole.path.glob("*.pt")} - {"best.pt"}
    assert "model_3.pt" in names and names == {path.name for path in runs.halves.path.glob("*.pt")} - {
        "best.pt",
        "model_1.pt",
    }
    for name in names - {"model_0.pt", "model_2.pt"}:
        one, two = state_of(runs.whole.path / name), state_of(runs.halves.path / name)
        assert one.keys() == two.keys()
        assert [key for key, value in one.items() if not same(value, two[key])] == []


def test_every_network_has_learned(runs: Runs) -> None:
    before, after = state_of(runs.whole.path / "model_0.pt"), state_of(runs.whole.checkpoint("last"))
    assert after[".skipped_updates"] == 0
    weights = [name for name in after if name.endswith("weight") and "state_dict" in name and "optimizer" not in name]
    assert [name for name in weights if same(before[name], after[name])] == [] and weights


def test_a_policy_comes_back_from_its_checkpoint(runs: Runs) -> None:
    env, runner = open_policy(runs.whole, runs.whole.checkpoint("last"), 2, "cpu", seed=0)
    wanted = checkpoint.read(runs.whole.checkpoint("last"), "cpu")["actor_state_dict"]
    found = runner.alg.actor.state_dict()
    assert found.keys() == wanted.keys() and all(torch.equal(value, wanted[name]) for name, value in found.items())
    actions = runner.policy()(env.get_observations())
    assert actions.shape == (2, env.num_actions) and actions.isfinite().all()
    assert torch.equal(actions, runner.policy()(env.get_observations()))


def test_a_checkpoint_of_another_agent_is_refused_in_one_line(
    runs: Runs, legs: Body, march: MotionClip, tmp_path: Path
) -> None:
    head = checkpoint.read(runs.whole.checkpoint("last"), "cpu")["head"]
    other = small_agent("qflex" if head != "SquashedFlow" else "ppo")
    env = MotionTrackingEnv(replace(runs.whole.load_config(), num_envs=1), legs, march)
    with pytest.raises(MsemuError, match=f"action head {head}, not ") as caught:
        find_runner(other)(env, other, None, "cpu").load_policy(runs.whole.checkpoint("last"))
    assert "\n" not in str(caught.value)


def test_curves_are_finite_and_go_on(runs: Runs) -> None:
    curves = EventAccumulator(str(runs.halves.path)).Reload()
    tags = curves.Tags()["scalars"]
    assert {"Error/joint_angle_deg", "Error/tracking_score_cm"} <= set(tags)
    assert [event.step for event in curves.Scalars("Error/joint_angle_deg")] == [0, 1, 2, 3]
    values = torch.tensor([event.value for tag in tags for event in curves.Scalars(tag)])
    assert values.isfinite().all()


@pytest.mark.parametrize("agent", AGENTS)
@pytest.mark.parametrize(
    ("part", "change", "message"),
    [
        ("algorithm", {"class_name": "pppo"}, "algorithm: class_name: 'pppo' is unknown"),
        ("algorithm", {"class_name": "nowhere:PPO"}, "unknown algorithm 'nowhere:PPO' .*known: ppo|did you mean"),
        ("algorithm", {"learning_sped": 1.0}, "does not fit its classes: .*learning_sped"),
        ("actor", {"class_name": "mpl"}, "actor: class_name: 'mpl' is unknown; did you mean mlp"),
        ("actor", {"distribution_cfg": {"class_name": "ppo"}}, "class_name: 'ppo' is unknown; .*gaussian"),
    ],
)
def test_mistakes_are_one_line(
    legs: Body, march: MotionClip, tmp_path: Path, agent: str, part: str, change: dict, message: str
) -> None:
    cfg = small_run(march, tmp_path, agent)
    env = MotionTrackingEnv(replace(cfg, num_envs=1), legs, march)
    getattr(cfg.agent, part).update(change)
    with pytest.raises(MsemuError, match=message) as caught:
        find_runner(cfg.agent)(env, cfg.agent, None, "cpu")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("runner", ["on_polcy", "msemu.rl.runner:Runnr", "torch.nn:Linear", "nowhere:Runner"])
def test_an_unknown_runner_lists_those_that_are_known(runner: str) -> None:
    agent = small_agent("ppo")
    agent.runner = runner
    with pytest.raises(MsemuError, match=r"(did you mean|known:) .*on_policy"):
        find_runner(agent)


def test_an_unknown_agent_lists_those_that_are_known() -> None:
    with pytest.raises(MsemuError, match="unknown agent 'sac'; known: add, amp"):
        parse(TASK, ["--agent", "sac"])
