"""A shipped policy holds all that its figures depend on: editing every installed YAML changes none of them."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from patience import PATIENCE_S
from places import ROOT
from shipped import PLAYABLE

FIGURES = """
import json, sys, torch
from msemu.analysis.rollout import measure_episodes
from msemu.rl.assemble import open_policy
from msemu.rl.pretrained import PretrainedRun
torch.set_num_threads(1)
figures = {}
for task in sys.argv[1:]:
    policy = PretrainedRun.of(task)
    env, runner = open_policy(policy, policy.checkpoint("best"), 3, "cpu", seed=1)
    errors = measure_episodes(env, runner.policy(), 15)
    figures[task] = [errors.joint_angle_deg.tolist(), env.sim.qpos.tolist(), env.transition.muscles.excitation.tolist()]
print(json.dumps(figures))
"""


def edited(value: Any) -> Any:
    """The same with other numbers and answers, and the names that it consists of."""
    if isinstance(value, dict):
        return {key: edited(item) for key, item in value.items()}
    if isinstance(value, list):
        return [edited(item) for item in value]
    if isinstance(value, bool):
        return not value
    return type(value)(1.5 * value + 1) if isinstance(value, (int, float)) else value


def figures(package: Path) -> dict[str, list]:
    environment = {**os.environ, "PYTHONPATH": str(package)}
    command = [sys.executable, "-c", FIGURES, *PLAYABLE]
    result = subprocess.run(command, env=environment, cwd=package, capture_output=True, text=True, timeout=PATIENCE_S)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout.splitlines()[-1])


@pytest.mark.slow
def test_editing_every_installed_yaml_changes_no_figure(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "src/msemu", tmp_path / "msemu", ignore=shutil.ignore_patterns("__pycache__"))
    files = sorted((tmp_path / "msemu/cfg").rglob("*.yaml"))
    changed = 0
    for path in files:
        before = yaml.safe_load(path.read_text())
        path.write_text(yaml.safe_dump(edited(before)))
        changed += yaml.safe_load(path.read_text()) != before
    assert changed > 20
    assert figures(tmp_path) == figures(ROOT / "src")
