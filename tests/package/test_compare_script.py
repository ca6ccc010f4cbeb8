"""The comparison of agents: the returns that it judges a critic by, and what comes out of a small one."""

import math
import sys
from dataclasses import replace
from pathlib import Path

import compare_agents
import pytest
import torch
import yaml
from command_line import run
from commands import words
from compare_agents import held_out, returns
from conftest import small_run

from msemu.cli.train import parse
from msemu.cli.training import train
from msemu.motion.clip import MotionClip
from msemu.rl.run_folder import RunFolder
from msemu.schema import ExcitationCfg

TASK = "Msemu-Track-MyoLegs-v0"


def test_returns_end_with_the_episode_and_only_known_ones_count() -> None:
    rewards = torch.tensor([[1.0, 1.0], [2.0, 0.0], [4.0, 0.0]] + 8 * [[0.0, 0.0]])
    goes_on = torch.ones_like(rewards)
    goes_on[1, 0] = 0.0  # the first body fails in its second step
    predicted = torch.arange(22.0).view(11, 2)
    kept, found = returns(predicted, rewards, goes_on, gamma=0.5)  # 0.5^5 < 0.05: five steps are unknown
    assert torch.equal(kept, predicted[:6])
    assert found[:, 0].tolist() == [2.0, 2.0, 4.0, 0.0, 0.0, 0.0] and found[:, 1].tolist() == [1.0, 0, 0, 0, 0, 0]


@pytest.mark.usefixtures("one_thread")
def test_agents_are_compared_from_one_start(
    march: MotionClip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    """One with a V and one with a Q; either explains some share of what comes, and complete runs are not repeated."""
    cfg = small_run(march, tmp_path, "dagger")
    cfg.env.action = ExcitationCfg(start="reference")
    start, out = train(TASK, replace(cfg, iterations=2)), tmp_path / "out"

    def in_this_process(command: str, *words: str) -> None:
        small = ("--episodes", "2", "--seconds", "0.1", "--plots", str(tmp_path)) if command == "eval" else ()
        result = run(command, *words, *small)
        assert result.returncode == 0, result.stderr

    monkeypatch.setattr(compare_agents, "run", in_this_process)
    monkeypatch.setattr(compare_agents, "held_out", lambda folder: held_out(folder, num_envs=2, seconds=0.5))
    conditions = tmp_path / "conditions.yaml"
    conditions.write_text("ppo: {agent: ppo, env.action: excitation}\nno_ppo: {agent: crossq}\n")
    options = ("--seeds", "1", "--steps", "512", "--init", str(start), "--num-envs=4", "--device=cpu")
    words = [
        "compare_agents.py",
        "--task",
        TASK,
        "--out",
        str(out),
        *options,
        "--checkpoint=last",
        "--agent.num-steps-per-env=32",
    ]
    monkeypatch.setattr(sys, "argv", [*words, "--conditions", str(conditions)])
    compare_agents.main()
    table = (out / "comparison.md").read_text()
    assert table in capsys.readouterr().out
    assert (
        "| measure | ppo | no_ppo |" in table
        and min((out / f"comparison_{along}.png").stat().st_size for along in ("steps", "time")) > 10_000
    )
    rows = {line.split("|")[1].strip(): line.split("|")[2:4] for line in table.splitlines()[2:] if line}
    assert all(float(cell.split()[0]) > 0.0 for cell in rows["training [min]"])
    assert all(float(cell.split()[0]) <= 1.0 for cell in rows["explained variance of held-out returns [-]"])
    runs = [RunFolder.open(path.parent) for path in out.glob(f"{TASK}/*/config.yaml")]
    for trained in runs:
        rollout = 4 * trained.load_config().agent.num_steps_per_env
        assert abs(trained.next_iteration() * rollout - 512) <= rollout / 2, "as near as whole rollouts come"
    monkeypatch.setattr(compare_agents, "run", lambda *_: pytest.fail("a complete run was repeated"))
    compare_agents.main()
    assert (out / "comparison.md").read_text() == table, "a name that ends as another one is no other run"
    monkeypatch.setattr(sys, "argv", [*words, "--agents", "ppo"])
    compare_agents.main()
    own = (out / "comparison.md").read_text().splitlines()
    assert own[0] == "| measure | ppo |" and own[2] == table.splitlines()[2].rpartition(" | ")[0] + " |"


@pytest.mark.parametrize(("movement", "found_by_search"), [("walk", {"track_reference"}), ("run", set())])
def test_an_ablation_changes_one_part_at_a_time(
    movement: str, found_by_search: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Action space, rollouts, noise and divergence are the same in all that lead the controller."""
    root = Path(compare_agents.__file__).parents[1]
    monkeypatch.chdir(root)
    conditions = yaml.safe_load((root / f"tools/ablation/{movement}.yaml").read_text())
    task = f"Msemu-{movement.capitalize()}-MyoFullBody-v0"
    found = {name: parse(task, words(chosen)) for name, chosen in conditions.items()}
    assert isinstance(found.pop("no_prior").env.action, ExcitationCfg)
    assert {name for name, cfg in found.items() if cfg.from_track} == found_by_search
    assert {"adversarial_reward", "flow", "value_guided_flow"} < found.keys()
    for cfg in found.values():
        agent, noise = cfg.agent, cfg.agent.actor["distribution_cfg"]
        assert cfg.env == found["prior"].env and cfg.sim == found["prior"].sim
        assert cfg.env.action.led[0] == "hip_*" and noise["correlation"] == 0.9
        assert math.hypot(noise["init_std"], noise.get("init_residual_std", 0.0)) == pytest.approx(0.06, abs=1e-4)
        algorithm = agent.algorithm
        same = (agent.num_steps_per_env, algorithm["gamma"], algorithm["lam"], algorithm["desired_kl_per_action"])
        assert same == (64, 0.99, 0.95, 0.006)
