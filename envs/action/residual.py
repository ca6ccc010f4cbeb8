"""Residual actions: a prior excites the muscles, the policy corrects it within a bound."""

import torch

from msemu.envs.action.prior import Prior
from msemu.envs.action.space import ActionSpace, Scene, make_of_kind
from msemu.schema import ResidualCfg


class ResidualSpace(ActionSpace):
    """One action a muscle, added to what a `Prior` does; an action of zero is the prior alone."""

    Cfg = ResidualCfg

    def __init__(self, cfg: ResidualCfg, scene: Scene):
        self.num_actions = scene.body.num_muscles
        self._bound, self._share = cfg.bound, cfg.prior_share
        self._scene = scene
        self._prior: Prior = make_of_kind(cfg.prior, scene)
        self.decodings = self._prior.decodings
        self._log: dict[str, torch.Tensor] = {}

    def excitation(self, actions: torch.Tensor, frame: torch.Tensor, steps: int) -> torch.Tensor:  # noqa: D102
        return self.renewed(actions, frame, steps, 0.0)

    def renewed(self, actions: torch.Tensor, frame: torch.Tensor, steps: int, passed: float) -> torch.Tensor:  # noqa: D102
        bound, share = self._bound.at(steps), self._share.at(steps)
        self._log = {
            "Action/residual_bound": torch.full((), bound, device=actions.device),
            "Action/prior_share": torch.full((), share, device=actions.device),
        }
        return (share * self._prior.excitation(frame, passed) + bound * torch.tanh(actions)).clamp(0.0, 1.0)

    def initial_activation(self, frame: torch.Tensor) -> torch.Tensor:
        """Activation of the static optimization along the reference, shape [E, M]."""
        return self._scene.reference_activation(frame)

    def reset(self, mask: torch.Tensor) -> None:  # noqa: D102
        self._prior.reset(mask)

    def log(self) -> dict[str, torch.Tensor]:
        """State the bound of the correction and the share of the prior."""
        return self._log

    def state_dict(self) -> dict[str, torch.Tensor]:  # noqa: D102
        return self._prior.state_dict()

    def load_state_dict(self, state: dict[str, torch.Tensor]) -> None:  # noqa: D102
        self._prior.load_state_dict(state)
