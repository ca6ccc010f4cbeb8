"""Strict configuration."""

import pytest
import yaml

from msemu.config import build, cfg_file, cfg_names, load, read_yaml, to_dict
from msemu.errors import MsemuError, suggestion
from msemu.schema import AgentCfg, EnvCfg, TaskCfg


@pytest.mark.parametrize("name", cfg_names("task"))
def test_every_task_file_loads(name: str) -> None:
    assert load(TaskCfg, cfg_file("task", name)).env.rewards


@pytest.mark.parametrize("name", cfg_names("agent"))
def test_every_agent_file_loads(name: str) -> None:
    assert load(AgentCfg, cfg_file("agent", name)).algorithm["class_name"]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"bodi": "x"}, "unknown key 'bodi'; did you mean body"),
        ({}, "the key 'body' is missing"),
        ({"body": 3}, "body: expected str, not 3"),
        ({"body": "x", "env": {"episode_length_s": "long"}}, "env: episode_length_s: expected float, not 'long'"),
        ({"body": "x", "sim": {"randomization": {"mass": [1, "a"]}}}, "mass: expected float, not 'a'"),
        ({"body": "x", "env": {"rewards": {"effort": {"wait": 1}}}}, "rewards.effort: unknown key 'wait'"),
        ({"body": "x", "env": 3}, "env: expected 'key: value' lines, not 3"),
        ({"body": "x", "num_envs": True}, "num_envs: expected int, not True"),
    ],
)
def test_a_wrong_value_is_named(values: dict, message: str) -> None:
    with pytest.raises(MsemuError, match=message):
        build(TaskCfg, values, "file.yaml")


def test_values_override_those_of_the_base(tmp_path) -> None:
    (tmp_path / "base.yaml").write_text("body: a\nenv: {episode_length_s: 4, fall_value: 1}\n")
    (tmp_path / "own.yaml").write_text("base: base.yaml\nenv: {fall_value: 2}\n")
    cfg = load(TaskCfg, tmp_path / "own.yaml")
    assert (cfg.body, cfg.env.episode_length_s, cfg.env.fall_value) == ("a", 4.0, 2.0)


def test_a_copy_of_an_installed_file_keeps_its_base(tmp_path) -> None:
    copy = tmp_path / "add.yaml"
    copy.write_text(cfg_file("agent", "add").read_text())
    assert load(AgentCfg, copy) == load(AgentCfg, cfg_file("agent", "add"))
    (tmp_path / "ppo.yaml").write_text("base: agent/ppo.yaml\nsave_interval: 7\n")
    copy.write_text("base: ppo.yaml\nnum_steps_per_env: 12\n")
    merged = load(AgentCfg, copy)
    assert (merged.save_interval, merged.num_steps_per_env) == (7, 12)
    assert merged.actor == load(AgentCfg, cfg_file("agent", "ppo")).actor
    with pytest.raises(MsemuError, match=r"no configuration file at .*/ppoo\.yaml"):
        copy.write_text("base: ppoo.yaml\n")
        load(AgentCfg, copy)


def test_a_configuration_survives_yaml() -> None:
    cfg = load(TaskCfg, cfg_file("task", "track"))
    assert build(TaskCfg, yaml.safe_load(yaml.safe_dump(to_dict(cfg))), "copy") == cfg


def test_files_that_are_no_configuration_are_refused(tmp_path) -> None:
    path = tmp_path / "file.yaml"
    with pytest.raises(MsemuError, match="no configuration file"):
        read_yaml(path)
    path.write_text("- a\n- b\n")
    with pytest.raises(MsemuError, match="key: value"):
        read_yaml(path)
    path.write_text("a: [1")
    with pytest.raises(MsemuError, match="cannot read"):
        read_yaml(path)
    path.write_text("a: !!python/object/apply:os.system ['true']")
    with pytest.raises(MsemuError, match="cannot read"):
        read_yaml(path)


@pytest.mark.parametrize(
    ("name", "otherwise", "said"),
    [
        ("wlk", None, "; did you mean walk or walk_b?"),
        ("walk_b2", "see: there", "; did you mean walk_b or walk?"),
        ("swim", None, "; known: walk, walk_b, 30"),
        ("swim", "see: there", "; see: there"),
        (31, None, "; known: walk, walk_b, 30"),
        (300, None, "; did you mean 30?"),
    ],
)
def test_what_is_said_of_an_unknown_name(name: str | int, otherwise: str | None, said: str) -> None:
    assert suggestion(name, ("walk", "walk_b", "30"), otherwise) == said


def test_an_unknown_file_name_gets_a_suggestion() -> None:
    with pytest.raises(MsemuError, match="did you mean track"):
        cfg_file("task", "trick")


def test_defaults_are_not_shared() -> None:
    assert EnvCfg().rewards is not EnvCfg().rewards
