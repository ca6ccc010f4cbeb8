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

    def excitation(self, actions: torch.Tensor, frame: torch.Tensor, steps: int) -> torch.Tensor:  # noqa: D102
        return torch.sigmoid(self._cfg.slope * (actions - self._cfg.center))
