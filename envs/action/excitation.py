"""The native action space: the policy excites the muscles itself."""

import torch

from msemu.envs.action.space import ActionSpace, Scene
from msemu.schema import ExcitationCfg

_BESIDE_THE_BOUNDS = 1e-3
"""How near to 0 and 1 an excitation has a finite action."""


class ExcitationSpace(ActionSpace):
    """One action a muscle, through a sigmoid."""

    Cfg = ExcitationCfg

    def __init__(self, cfg: ExcitationCfg, scene: Scene):
        self.num_actions = scene.body.num_muscles
        self._cfg = cfg
        self._scene = scene

    def excitation(self, actions: torch.Tensor, frame: torch.Tensor, steps: int) -> torch.Tensor:  # noqa: D102
        return torch.sigmoid(self._cfg.slope * (actions - self._cfg.center))

    def action_of(self, excitation: torch.Tensor) -> torch.Tensor:
        """Return the actions of excitations, shape [E, M] both; those beside the bounds are taken to a thousandth."""
        return self._cfg.center + torch.logit(excitation, eps=_BESIDE_THE_BOUNDS) / self._cfg.slope

    def initial_activation(self, frame: torch.Tensor) -> torch.Tensor | None:
        """Activation of the static optimization along the reference [E, M], or the environment's tone."""
        return self._scene.reference_activation(frame) if self._cfg.start == "reference" else None
