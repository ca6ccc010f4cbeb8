"""Residual actions: a prior excites the muscles, the policy corrects it within a bound."""

from dataclasses import dataclass, field
from typing import Any

import torch

from msemu.envs.action.prior import Prior
from msemu.envs.action.space import ActionSpace, Scene, build_named
from msemu.envs.schedule import Schedule
from msemu.errors import MsemuError


@dataclass(frozen=True)
class ResidualValues:
    """``excitation = clip(share * prior + bound * tanh(action), 0, 1)``."""

    prior: dict[str, Any]
    """``class_name`` (``module:Class``) of the prior, and its values."""
    bound: Schedule = field(default_factory=lambda: Schedule(0.3, 0.3))
    """Greatest correction of an excitation [-]."""
    prior_share: Schedule = field(default_factory=lambda: Schedule(1.0, 1.0))
    """Factor of the prior [-]; it may fade to 0, while the bound grows to 1."""

    def __post_init__(self) -> None:
        for name, schedule in (("bound", self.bound), ("prior_share", self.prior_share)):
            if not all(0.0 <= value <= 1.0 for value in (schedule.initial, schedule.final)):
                raise MsemuError(f"{name} of the action space goes from and to a value between 0 and 1")


class ResidualSpace(ActionSpace):
    """One action a muscle, added to what a `Prior` does; an action of zero is the prior alone."""

    Values = ResidualValues

    def __init__(self, values: ResidualValues, scene: Scene):
        """Make the prior.

        Raises:
            MsemuError: The prior's class or values are unknown, or it does not suit the scene.
        """
        self.num_actions = scene.body.num_muscles
        self._values = values
        self._scene = scene
        self._prior: Prior = build_named(values.prior, scene, "the prior of the action space")
        self._log: dict[str, torch.Tensor] = {}

    def excitation(self, actions: torch.Tensor, frame: torch.Tensor, steps: int) -> torch.Tensor:  # noqa: D102
        bound, share = self._values.bound.at(steps), self._values.prior_share.at(steps)
        self._log = {
            "Action/residual_bound": torch.full((), bound, device=actions.device),
            "Action/prior_share": torch.full((), share, device=actions.device),
        }
        return (share * self._prior.excitation(frame) + bound * torch.tanh(actions)).clamp(0.0, 1.0)

    def initial_activation(self, frame: torch.Tensor) -> torch.Tensor:
        """Activation of the static optimization along the reference, shape [E, M]."""
        return self._scene.reference_activation(frame)

    def reset(self, mask: torch.Tensor) -> None:  # noqa: D102
        self._prior.reset(mask)

    def log(self) -> dict[str, torch.Tensor]:
        """The bound of the correction and the share of the prior."""
        return self._log

    def state_dict(self) -> dict[str, torch.Tensor]:  # noqa: D102
        return self._prior.state_dict()

    def load_state_dict(self, state: dict[str, torch.Tensor]) -> None:  # noqa: D102
        self._prior.load_state_dict(state)
