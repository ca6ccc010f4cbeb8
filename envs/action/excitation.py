"""The native action space: the policy excites the muscles itself."""

import torch

from msemu.envs.action.space import ActionSpace, Scene
from msemu.schema import ExcitationCfg


class ExcitationSpace(ActionSpace):
    """One action a muscle, through a sigmoid."""

    Cfg = ExcitationCfg

    def __init__(self, cfg: ExcitationCfg, scene: Scene):
        self.num_actions = scene.body.num_muscles
        self._cfg = cfg
        self._scene = scene

    def excitation(self, actions: torch.Tensor, frame: torch.Tensor, steps: int) -> torch.Tensor:  # noqa: D102
        return torch.sigmoid(self._cfg.slope * (actions - self._cfg.center))

    def initial_activation(self, frame: torch.Tensor) -> torch.Tensor | None:
        """Activation of the static optimization along the reference [E, M], or the environment's tone."""
        return self._scene.reference_activation(frame) if self._cfg.start == "reference" else None
