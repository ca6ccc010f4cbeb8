"""The parts that are chosen by name: learners, networks, action heads, discriminators, action spaces, priors.

A configuration names a part by its short name, or one of a third party's as ``module:Class``. Names are resolved when
the part is made, so that a table of them needs no import.
"""

import importlib
from collections.abc import Mapping
from typing import Any

from msemu.errors import MsemuError, suggestion

COMPONENTS: dict[str, dict[str, str]] = {
    "environment": {"motion_tracking": "msemu.envs.motion_tracking:MotionTrackingEnv"},
    "action": {
        "excitation": "msemu.envs.action.excitation:ExcitationSpace",
        "joint": "msemu.envs.action.joint:JointSpace",
        "residual": "msemu.envs.action.residual:ResidualSpace",
    },
    "prior": {
        "reflex": "msemu.envs.action.reflex:ReflexPrior",
        "controller": "msemu.envs.action.prior:ControllerPrior",
    },
    "runner": {
        "on_policy": "msemu.rl.runner:Runner",
        "off_policy": "msemu.rl.off_policy.runner:OffPolicyRunner",
        "distillation": "msemu.rl.distillation.runner:DistillationRunner",
    },
    "algorithm": {
        "ppo": "msemu.rl.ppo:PPO",
        "adversarial_ppo": "msemu.rl.adversarial.algorithm:AdversarialPPO",
        "muscle_group_ppo": "msemu.rl.noise.between_actions:MuscleGroupPPO",
        "flow_ppo": "msemu.rl.flow.algorithm:FlowPPO",
        "guided_flow_ppo": "msemu.rl.flow.guided:GuidedFlowPPO",
        "crossq": "msemu.rl.off_policy.crossq:CrossQ",
        "qflex": "msemu.rl.off_policy.qflex:Qflex",
        "dagger": "msemu.rl.distillation.dagger:Dagger",
    },
    "network": {
        "mlp": "rsl_rl.models:MLPModel",
        "policy": "msemu.rl.heads:PolicyNetwork",
        "flow_actor": "msemu.rl.off_policy.policy:FlowActor",
        "twin_critic": "msemu.rl.off_policy.critic:TwinCritic",
    },
    "action head": {
        "gaussian": "rsl_rl.modules:GaussianDistribution",
        "autoregressive_gaussian": "msemu.rl.noise.over_time:AutoregressiveGaussian",
        "heteroscedastic_gaussian": "rsl_rl.modules:HeteroscedasticGaussianDistribution",
        "beta": "rsl_rl.modules:BetaDistribution",
        "flow": "msemu.rl.flow.distribution:FlowDistribution",
        "lattice": "msemu.rl.noise.between_actions:LatticeGaussian",
        "muscle_group": "msemu.rl.noise.between_actions:GroupGaussian",
        "squashed_gaussian": "msemu.rl.off_policy.policy:SquashedGaussian",
        "squashed_flow": "msemu.rl.off_policy.policy:SquashedFlow",
    },
    "discriminator": {
        "add": "msemu.rl.adversarial.add:AddDiscriminator",
        "amp": "msemu.rl.adversarial.amp:AmpDiscriminator",
    },
}
"""By role: short name -> ``module:Class``."""


def resolve(role: str, name: Any, base: type = object) -> type:
    """Find the class of a part, which must derive from ``base``, by its short name or ``module:Class``.

    Raises:
        MsemuError: There is none of that name, or it is no such class; the message lists those that are known.
    """
    known = COMPONENTS[role]
    found = find(role, name, known)
    if not (isinstance(found, type) and issubclass(found, base)):
        raise MsemuError(f"the {role} '{name}' is not a {base.__name__}; known: {', '.join(known)}")
    return found


def find(role: str, name: Any, known: Mapping[str, Any]) -> Any:
    """Find what a name stands for.

    Args:
        role: What the part is called.
        name: A key of ``known``, or ``module:name``.
        known: By short name a ``module:name``, or the part itself.

    Raises:
        MsemuError: There is none of that name; the message lists those that are known.
    """
    wanted = known.get(name, name)
    if name in known and not isinstance(wanted, str):
        return wanted
    hint = suggestion(name, known, f"known: {', '.join(known)}, or a module:Class of yours")
    module, colon, attribute = str(wanted).partition(":")
    if not colon:
        raise MsemuError(f"unknown {role} '{name}'{hint}")
    try:
        return getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise MsemuError(f"unknown {role} '{name}' ({error}){hint}") from error
