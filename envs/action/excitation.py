"""The native action space: the policy excites the muscles itself."""

from dataclasses import dataclass

import torch

from msemu.envs.action.space import ActionSpace, Scene


@dataclass(frozen=True)
class ExcitationValues:
    """Map from the policy's output to muscle excitation: ``sigmoid(slope * (action - center))``."""

    slope: float = 5.0
    """Steepness of the map [-]; 5 after msgym (github.com/LNSGroup/msgym)."""
    center: float = 0.5
    """Output at which a muscle is half excited [-]; 0.5 makes an output of zero a weak tone of 0.08."""


class ExcitationSpace(ActionSpace):
    """One action a muscle, through a sigmoid."""

    Values = ExcitationValues

    def __init__(self, values: ExcitationValues, scene: Scene):
        """One action for each muscle of the body."""
        self.num_actions = scene.body.num_muscles
        self._values = values

    def excitation(self, actions: torch.Tensor, frame: torch.Tensor, steps: int) -> torch.Tensor:  # noqa: D102
        return torch.sigmoid(self._values.slope * (actions - self._values.center))
