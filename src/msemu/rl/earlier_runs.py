"""Configurations that earlier releases wrote into run folders, brought to today's form."""

from typing import Any

import yaml

from msemu.config import at_place, load_named, to_dict
from msemu.errors import MsemuError, suggestion
from msemu.schema import ActionCfg, MuscleCfg

_CLASS_PATHS = {
    "msemu.rl.runner:Runner": "on_policy",
    "msemu.rl.off_policy.runner:OffPolicyRunner": "off_policy",
    "msemu.rl.ppo:PPO": "ppo",
    "msemu.rl.adversarial.algorithm:AdversarialPPO": "adversarial_ppo",
    "msemu.rl.correlated_noise:MuscleGroupPPO": "muscle_group_ppo",
    "msemu.rl.flow.algorithm:FlowPPO": "flow_ppo",
    "msemu.rl.flow.guided:GuidedFlowPPO": "guided_flow_ppo",
    "msemu.rl.off_policy.crossq:CrossQ": "crossq",
    "msemu.rl.off_policy.qflex:Qflex": "qflex",
    "MLPModel": "mlp",
    "msemu.rl.policy:PolicyNetwork": "policy",
    "msemu.rl.off_policy.policy:FlowActor": "flow_actor",
    "msemu.rl.off_policy.critic:TwinCritic": "twin_critic",
    "GaussianDistribution": "gaussian",
    "HeteroscedasticGaussianDistribution": "heteroscedastic_gaussian",
    "BetaDistribution": "beta",
    "msemu.rl.flow.distribution:FlowDistribution": "flow",
    "msemu.rl.correlated_noise:LatticeGaussian": "lattice",
    "msemu.rl.correlated_noise:GroupGaussian": "muscle_group",
    "msemu.rl.off_policy.policy:SquashedGaussian": "squashed_gaussian",
    "msemu.rl.off_policy.policy:SquashedFlow": "squashed_flow",
    "msemu.rl.adversarial.add:AddDiscriminator": "add",
    "msemu.rl.adversarial.amp:AmpDiscriminator": "amp",
}
"""How release 0.1.0 named the parts of a learner, and their short names."""
_GROUPS = ("proprioception", "muscle", "reference")
"""Observation groups that every environment offered."""
_DECODER = {"objective": "torque", "iterations": 12, "joint_inertia_kg_m2": 0.0}
_FOOT_PLACEMENT = {"max_lift_m": 0.0}
_CONTROLLER = {
    "translation": "root",
    "reach": 0.0,
    "preview_s": 0.0,
    "decodings": 1,
    "ahead": 1.5,
    "contact_regions": ["foot_r", "foot_l"],
}
"""What muscle controllers did before there was a choice."""


def translate(train: dict[str, Any], where: str) -> list[str]:
    """Bring what ``config.yaml`` holds below ``train`` to today's form, in place.

    Returns:
        Lines that name the values which the run did not hold and which are today's defaults.

    Raises:
        MsemuError: A class or a file is named that this release does not have; the message names those that it has.
    """
    env, agent = train.setdefault("env", {}), train.get("agent", {})
    _use_short_names(agent, where)
    _name_observations(env, agent)
    _name_terminations(env)
    _move_emg(env, agent)
    train.setdefault("sim", {}).setdefault("paths", "engine")
    notes = [
        _resolve_named(env, "action", ActionCfg, "env", where),
        _resolve_named(train.get("sim", {}), "muscle", MuscleCfg, "sim", where),
    ]
    _keep_controller(env.get("action"))
    return [note for note in notes if note]


def _resolve_named(
    values: dict[str, Any], key: str, schema: type[ActionCfg | MuscleCfg], part: str, where: str
) -> str | None:
    """Put the values of a file where earlier releases kept its name."""
    name = values.get(key)
    if not isinstance(name, str):
        return None
    values[key] = to_dict(at_place(f"{where}: {part}.{key}", lambda: load_named(schema, name)))
    _keep_controller(values[key], is_todays=True)
    today = yaml.safe_dump(values[key], default_flow_style=True, sort_keys=False, width=10**6).strip()
    return f"{part}.{key} was kept as the name '{name}'; its values are today's: {today}"


def _keep_controller(values: Any, is_todays: bool = False) -> None:
    """Keep muscle controllers as they were before there was a choice, which today's values do not.

    ``is_todays`` says that the values are not the run's, but what a name stands for today.
    """
    for key, value in values.items() if isinstance(values, dict) else ():
        if key == "controller" and isinstance(value, dict) and "decoder" in value:
            feet = value.setdefault("foot_placement", {})
            for group, earlier in ((value, _CONTROLLER), (value["decoder"], _DECODER), (feet, _FOOT_PLACEMENT)):
                group |= {name: kept for name, kept in earlier.items() if is_todays or name not in group}
        _keep_controller(value, is_todays)


def _use_short_names(values: dict[str, Any], where: str) -> None:
    """Replace the class paths of earlier releases, at any depth."""
    for key, value in values.items():
        if isinstance(value, dict):
            _use_short_names(value, where)
        elif key in ("class_name", "runner") and isinstance(value, str):
            values[key] = _short_name(value, where)


def _short_name(path: str, where: str) -> str:
    if path.startswith("msemu.") and path not in _CLASS_PATHS:
        raise MsemuError(f"{where}: no class {path} in this release{suggestion(path, _CLASS_PATHS)}")
    return _CLASS_PATHS.get(path, path)


def _name_observations(env: dict[str, Any], agent: dict[str, Any]) -> None:
    if "observations" in env:
        return
    asked = {name for names in agent.get("obs_groups", {}).values() for name in names}
    env["observations"] = {name: {} for name in (*_GROUPS, *({"fiber"} & asked))}
    env["observations"]["reference"] = {"options": {"future_frames": env.pop("future_frames", [1, 5, 15])}}


def _name_terminations(env: dict[str, Any]) -> None:
    if "terminations" in env:
        return
    old = env.pop("termination", {})
    env["fall_value"] = old.get("fall_value", 0.0)
    env["terminations"] = {
        "body_position_deviation": {"limit": old.get("body_position_deviation_m", 0.3)},
        "forbidden_contact": {"options": {"allowed": old.get("allowed_contacts", [])}},
    }


def _move_emg(env: dict[str, Any], agent: dict[str, Any]) -> None:
    """Make the measurement that the environment held an option of the term that follows it."""
    options = env.pop("emg", None)
    for terms in (env.get("rewards", {}), agent.get("algorithm", {}).get("regularizers") or {}):
        if options and "emg" in terms:
            terms["emg"]["options"] = options
