"""Strict configuration."""

import dataclasses
import importlib
import math
import types
import typing
from collections.abc import Iterator
from functools import reduce
from pathlib import Path
from typing import Annotated, Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from msemu.config import build, cfg_file, cfg_names, check, load, read_yaml, to_dict
from msemu.errors import MsemuError, suggestion
from msemu.rl.run_folder import RunFolder
from msemu.schema import AgentCfg, EnvCfg, MuscleCfg, RewardTermCfg, TaskCfg, TrainCfg
from msemu.schema.ranges import Known, Range

PACKAGE = Path(importlib.import_module("msemu").__file__ or "").parent
SCHEMAS = [
    schema
    for module in (
        *(f"msemu.schema.{name}" for name in ("action", "agent", "controller", "muscle", "task", "terms")),
        *("msemu.models.recipe", "msemu.envs.emg", "msemu.envs.observations", "msemu.control.static_optimization"),
        *("msemu.cli.options", "msemu.cli.motion.options", "msemu.cli.analyze.options", "msemu.bench.options"),
    )
    for schema in vars(importlib.import_module(module)).values()
    if dataclasses.is_dataclass(schema)
    and schema.__module__ == module
    and schema.__name__.endswith(("Cfg", "Options", "Recipe"))
]
"""Dataclasses whose values people write."""
REQUIRED: dict[Any, Any] = {str: "x", float: 1.0, int: 1, Path: Path("x")}
"""Values that every required field may have."""


@dataclasses.dataclass
class OfPlugin:
    """Values of a third party's: one is declared, the other is not."""

    declared: Annotated[float, Range(0, 1)] = 0.5
    free: float = 0.5


def numbers(hint: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], type, Range | None, int]]:
    """Every number below an annotation: keys to it, its type, its declared range, and how many of it a list holds."""
    arguments = typing.get_args(hint)
    if typing.get_origin(hint) is Annotated:
        for rule in arguments[1:]:
            if typing.is_typeddict(rule):
                for key, below in typing.get_type_hints(rule, include_extras=True).items():
                    yield from numbers(below, (*path, key))
        if arguments[0] in (int, float):
            known = any(isinstance(rule, Known) for rule in arguments[1:])
            if not known:
                yield path, arguments[0], next((rule for rule in arguments[1:] if isinstance(rule, Range)), None), 0
            return
        yield from numbers(arguments[0], path)
    elif hint in (int, float):
        yield path, hint, None, 0
    elif typing.get_origin(hint) in (tuple, list):
        count = 1 if Ellipsis in arguments else len(arguments)
        yield from ((keys, kind, rule, count) for keys, kind, rule, _ in numbers(arguments[0], path))
    elif typing.get_origin(hint) is dict:
        yield from numbers(arguments[1], (*path, "name"))
    elif typing.get_origin(hint) in (typing.Union, types.UnionType):
        for kind in arguments:
            yield from numbers(kind, path)


NUMBERS = [
    (schema, *number)
    for schema in SCHEMAS
    for name, hint in typing.get_type_hints(schema, include_extras=True).items()
    if name in {field.name for field in dataclasses.fields(schema)}
    for number in numbers(hint, (name,))
]


def outside(kind: type, rule: Range) -> st.SearchStrategy[float]:
    """Numbers that a range leaves out, found without asking it."""
    low = max(end for end in (rule.least, rule.above, -math.inf) if end is not None)
    high = min(end for end in (rule.greatest, rule.below, math.inf) if end is not None)
    ends = [end for end in (rule.above, rule.below) if end is not None]
    if kind is int:
        return st.integers(max_value=int(low) - 1) | st.integers(min_value=int(high) + 1)
    endless = {-math.inf, math.inf} - {rule.least, rule.greatest}
    wrong = st.sampled_from([math.nan, *endless, *ends])
    if low > -math.inf:
        wrong |= st.floats(max_value=low, exclude_max=True)
    if high < math.inf:
        wrong |= st.floats(min_value=high, exclude_min=True)
    return wrong


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


def test_every_number_has_a_declared_range() -> None:
    assert len(NUMBERS) > 150
    assert not [f"{schema.__name__}: {'.'.join(path)}" for schema, path, _, rule, _ in NUMBERS if rule is None]


@given(st.data())
def test_a_number_outside_of_its_range_is_refused_in_one_line_that_names_its_key(data: st.DataObject) -> None:
    schema, path, kind, rule, count = data.draw(st.sampled_from(NUMBERS))
    wrong = data.draw(outside(kind, rule))
    values = reduce(lambda value, key: {key: value}, reversed(path), [wrong] * count if count else wrong)
    hints = typing.get_type_hints(schema)
    for field in dataclasses.fields(schema):
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            values.setdefault(field.name, REQUIRED.get(hints[field.name], "x"))
    with pytest.raises(MsemuError) as caught:
        build(typing.cast(Any, schema), values, "file.yaml")
    said = str(caught.value)
    assert said.startswith(f"file.yaml: {path[0]}") and path[-1] in said and "\n" not in said and " is not " in said


@pytest.mark.parametrize(
    ("schema", "values", "message"),
    [
        (AgentCfg, {"save_interval": 0}, "file.yaml: save_interval: 0 is not between 1 and 1000000"),
        (AgentCfg, {"actor": {"hidden_dims": []}}, "file.yaml: actor: hidden_dims: one at least is wanted"),
        (
            AgentCfg,
            {"critic": {"hidden_dims": [32, 10**7]}},
            "hidden_dims: 10000000 is not between 1 and 16384",
        ),
        (AgentCfg, {"algorithm": {"class_name": "pppo"}}, "algorithm: class_name: 'pppo' is unknown; did you mean ppo"),
        (AgentCfg, {"algorithm": {"schedule": "adaptiv"}}, "schedule: 'adaptiv' is unknown; did you mean adaptive"),
        (AgentCfg, {"algorithm": {"gamma": "high"}}, "algorithm: gamma: expected float, not 'high'$"),
        (AgentCfg, {"algorithm": {"learning_rate": "1e-3"}}, "expected float, not '1e-3'; YAML reads 1e-3 as text"),
        (EnvCfg, {"reset_activation": 7}, "file.yaml: reset_activation: 7 is not between 0 and 1"),
        (EnvCfg, {"fall_value": 10**400}, "fall_value: inf is not a finite number"),
        (MuscleCfg, {"strength": [1.2, 0.8]}, r"strength: \[1.2, 0.8\] does not go from a least to a greatest value"),
        (MuscleCfg, {"level": "millard"}, "level: 'millard' is unknown; known: mujoco, rigid, elastic"),
        (OfPlugin, {"declared": 2}, "file.yaml: declared: 2 is not between 0 and 1"),
    ],
)
def test_a_value_that_is_not_allowed_is_named(schema: type, values: dict, message: str) -> None:
    with pytest.raises(MsemuError, match=message):
        build(schema, values, "file.yaml")


def test_what_is_not_declared_may_have_any_value() -> None:
    assert build(OfPlugin, {"free": math.inf}, "file.yaml").free == math.inf
    own = {"class_name": "mine:Algorithm", "gain": -3, "gamma": 0.9}
    assert build(AgentCfg, {"algorithm": own}, "file.yaml").algorithm == own


def test_values_of_a_program_are_checked_like_those_of_a_file() -> None:
    cfg = TrainCfg("myolegs", agent=load(AgentCfg, cfg_file("agent", "amp")))
    cfg.env.rewards["effort"] = RewardTermCfg(weight=-0.1)
    check(cfg, "TrainCfg")
    cfg.env.rewards["effort"].weight = math.nan
    with pytest.raises(MsemuError, match=r"TrainCfg: env: rewards\.effort: weight: nan is not a finite number"):
        check(cfg, "TrainCfg")
    with pytest.raises(MsemuError, match=r"^--env\.rewards\.effort\.weight: nan is not"):
        check(cfg, "--")
    with pytest.raises(MsemuError, match="cfg: num_envs: expected int, not '4'"):
        check(TaskCfg("myolegs", num_envs="4"), "cfg")  # type: ignore[arg-type]


@pytest.mark.parametrize("folder", sorted((PACKAGE / "models" / "pretrained").glob("*/")), ids=lambda path: path.name)
def test_the_configurations_of_the_policies_that_msemu_brings_are_in_range(folder: Path) -> None:
    check(RunFolder.open(folder).load_config(), folder.name)


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
