"""Which action heads exist, and which one a policy has."""

from typing import Any

from rsl_rl.models import MLPModel
from rsl_rl.modules import Distribution
from rsl_rl.utils import resolve_callable

from msemu.errors import MsemuError

HEADS = (
    "GaussianDistribution",
    "HeteroscedasticGaussianDistribution",
    "BetaDistribution",
    "msemu.rl.flow.distribution:FlowDistribution",
    "msemu.rl.correlated_noise:LatticeGaussian",
    "msemu.rl.correlated_noise:GroupGaussian",
    "msemu.rl.off_policy.policy:SquashedGaussian",
    "msemu.rl.off_policy.policy:SquashedFlow",
)
"""Names for ``actor.distribution_cfg.class_name``: rsl-rl's and msemu's own."""


def check_head(actor_cfg: dict[str, Any]) -> None:
    """Find out whether the head that an actor's configuration names exists.

    Raises:
        MsemuError: It does not; the message lists those that do.
    """
    if "distribution_cfg" not in actor_cfg:
        return  # an actor of a plug-in that brings its own
    name = actor_cfg["distribution_cfg"].get("class_name")
    try:
        found = resolve_callable(name)
    except (TypeError, ValueError, ImportError, AttributeError):
        found = None
    if not (isinstance(found, type) and issubclass(found, Distribution)):
        raise MsemuError(f"unknown action head '{name}'; there are {', '.join(HEADS)}, or a module:Class of yours")


def head_name(actor: MLPModel) -> str:
    """Name of an actor's head, as a checkpoint holds it."""
    return type(getattr(actor, "distribution", None)).__name__


def expect_head(actor: MLPModel, stored: str | None, path: str) -> None:
    """Refuse a checkpoint of another head.

    Args:
        actor: The actor that shall be loaded.
        stored: `head_name` in the checkpoint; none in those of before there were several.
        path: The checkpoint, for the message.

    Raises:
        MsemuError: The heads differ; the message names both.
    """
    if stored is not None and stored != head_name(actor):
        raise MsemuError(
            f"{path} holds a policy with the action head {stored}, not {head_name(actor)}; use one of the same agent"
        )
