"""What every registered task keeps: values that load and come back from a run, with their body, clips and agent."""

import json

import pytest
import yaml
from command_line import assert_one_clear_line, run

from msemu.components import resolve
from msemu.config import build, to_dict
from msemu.motion.library.task_clips import motions_of
from msemu.registry import TaskSpec, find_body, get_task, list_tasks
from msemu.schema import TrainCfg

TASKS = list_tasks()


@pytest.mark.parametrize("spec", TASKS, ids=lambda spec: spec.id)
def test_its_values_load_and_come_back_from_a_run(spec: TaskSpec) -> None:
    cfg = spec.load_training()
    again = build(TrainCfg, yaml.safe_load(yaml.safe_dump(json.loads(json.dumps(to_dict(cfg))))), "a run")
    assert again == cfg and get_task(spec.id) is spec
    assert spec.summary and find_body(cfg.body).recipe.is_file()
    assert cfg.env.rewards and cfg.env.observations and cfg.env.terminations
    groups = {group for groups in cfg.agent.obs_groups.values() for group in groups}
    assert groups <= cfg.env.observations.keys()


@pytest.mark.parametrize("spec", TASKS, ids=lambda spec: spec.id)
def test_its_motions_are_clips_that_can_be_had(spec: TaskSpec) -> None:
    cfg = spec.load_config()
    if cfg.motion and not str(cfg.motion).startswith("$"):
        assert motions_of(cfg)


def test_every_kind_of_environment_and_runner_exists() -> None:
    for spec in {(spec.env, spec.load_agent().runner): spec for spec in TASKS}.values():
        assert resolve("environment", spec.env) and resolve("runner", spec.load_agent().runner)


@pytest.mark.parametrize("wrong", ["Msemu-Wlak-MyoLegs-v0", "walk", ""])
def test_an_unknown_task_is_one_line(wrong: str) -> None:
    assert_one_clear_line(run("train", wrong), f"unknown task '{wrong}'")
