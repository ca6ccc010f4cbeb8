"""``msemu-bench prior`` and its table: starts of the solver, episodes that end early, what is measured once."""

import json
from pathlib import Path

import pytest
import torch
from prior_table import Figures, collect

from msemu.analysis.rollout import measure_episodes
from msemu.bench.prior import PriorSubject
from msemu.models import Body
from msemu.motion.clip import MotionClip
from msemu.registry import get_task
from msemu.rl.assemble import make_env
from msemu.schema import TaskCfg

TASK = "Msemu-Track-MyoLegs-v0"


def test_a_seed_starts_the_solver_elsewhere_and_the_same_one_gives_the_same(
    legs: Body, march: MotionClip, tmp_path: Path
) -> None:
    """With few iterations: where a solve ends then depends on where it started."""
    action = tmp_path / "unfinished.yaml"
    action.write_text("base: action/joint.yaml\ncontroller: {decoder: {iterations: 4}}\n")
    subject = PriorSubject(TASK, get_task(TASK).load_config(), legs, march)
    own, first, again, other = (subject.measure(str(action), 2, 0.1, seed) for seed in (0, 1, 1, 2))
    assert first == again
    assert len({each.joint_angle_error_deg for each in (own, first, other)}) == 3


def test_nothing_is_simulated_when_every_episode_has_failed(
    tracking_cfg: TaskCfg, legs: Body, march: MotionClip
) -> None:
    tracking_cfg.env.episode_length_s = 20.0
    env = make_env(TASK, tracking_cfg, legs, march, seed=0)
    done: list[int] = []
    full = torch.full((env.num_envs, env.num_actions), 5.0)
    errors = measure_episodes(env, lambda _: full, 300, lambda step, total: done.append(step))
    assert max(done) == errors.failed_at.max() + 1 < 300
    assert errors.joint_angle_deg.shape[:2] == (300, env.num_envs)
    assert torch.from_numpy(errors.root_rotation_deg[max(done) :]).isnan().all()


def test_a_table_measures_once_and_shows_the_mean_over_seeds(tmp_path: Path) -> None:
    asked: list[tuple[str, int]] = []

    def measure(subject: str, seed: int) -> Figures:
        asked.append((subject, seed))
        if asked[-1] == ("b:jump", 2) and len(asked) == 4:
            raise KeyboardInterrupt
        whole = {"whole": {"survival_from_start": 0.25 * seed}} if subject == "b:jump" else {}
        return {"starts": {"survival_time_s": float(seed), "joint_angle_error_deg": None}} | whole

    subjects, seeds = ("a:walk", "b:jump"), (1, 2)
    with pytest.raises(KeyboardInterrupt):
        collect(subjects, seeds, "joint, abc", measure, tmp_path)
    collect(subjects, seeds, "joint, abc", measure, tmp_path)
    assert asked == [("a:walk", 1), ("a:walk", 2), ("b:jump", 1), ("b:jump", 2), ("b:jump", 2)]
    lines = (tmp_path / "priors.md").read_text().splitlines()
    rows = {line.split(" | ")[0]: line for line in lines[4:]}
    assert list(rows) == ["| a:walk", "| b:jump"]
    assert "1.50 (1.00 to 2.00)" in rows["| a:walk"] and "37.50 (25.00 to 50.00)" in rows["| b:jump"]
    collect(("a:walk",), (1,), "joint, of another commit", measure, tmp_path)
    assert asked[-1] == ("a:walk", 1) and len(asked) == 6
    assert set(json.loads((tmp_path / "priors.json").read_text())) == {"joint, abc", "joint, of another commit"}
