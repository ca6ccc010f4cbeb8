"""The action spaces of the search: the controller's targets as they are, and recorded excitations."""

from dataclasses import dataclass, field
from typing import Any

import torch

from msemu.control.independent_dofs import ROOT_DOFS
from msemu.envs.action.joint import make_controller
from msemu.envs.action.space import ActionSpace, Scene
from msemu.schema import ActionCfg, ControllerCfg

ONE_DECODING: dict[str, Any] = {"decodings": 1, "ahead": 1.5}
"""Values of the controller of a search, whose excitations are replayed, one a control step."""
STEP_AXES = 2
"""A swinging foot is shifted along the floor."""


@dataclass(frozen=True)
class GuidedCfg(ActionCfg):
    """What guides the muscle controller away from the clip, in physical units."""

    kind: str = "msemu.tracking.space:GuidedSpace"
    controller: ControllerCfg = field(default_factory=lambda: ControllerCfg(**ONE_DECODING))


class GuidedSpace(ActionSpace):
    """Actions are offsets of joint targets [rad or m], of the root's acceleration and of a swinging foot's place [m].

    Attributes:
        controller: The muscle controller.
    """

    Cfg = GuidedCfg

    def __init__(self, cfg: GuidedCfg, scene: Scene):
        self._scene = scene
        self.controller = make_controller(cfg.controller, scene)
        self._parts = (len(self.controller.dofs) - ROOT_DOFS, ROOT_DOFS, STEP_AXES)
        self.num_actions = sum(self._parts)

    def excitation(self, actions: torch.Tensor, frame: torch.Tensor, steps: int) -> torch.Tensor:  # noqa: D102
        offset, push, step = actions.double().split(self._parts, 1)
        return self.controller.decode(frame, offset, push, step).excitation

    def initial_activation(self, frame: torch.Tensor) -> torch.Tensor:
        """Activation of the static optimization along the reference, shape [E, M]."""
        return self._scene.reference_activation(frame).float()

    def reset(self, mask: torch.Tensor) -> None:  # noqa: D102
        self.controller.reset(mask)

    def state_dict(self) -> dict[str, torch.Tensor]:  # noqa: D102
        return self.controller.state_dict()

    def load_state_dict(self, state: dict[str, torch.Tensor]) -> None:  # noqa: D102
        self.controller.load_state_dict(state)


@dataclass(frozen=True)
class RecordedCfg(ActionCfg):
    """Excitations as they are."""

    kind: str = "msemu.tracking.space:RecordedSpace"


class RecordedSpace(ActionSpace):
    """Actions are the excitations themselves."""

    Cfg = RecordedCfg

    def __init__(self, cfg: RecordedCfg, scene: Scene):
        self._scene = scene
        self.num_actions = scene.body.num_muscles

    def excitation(self, actions: torch.Tensor, frame: torch.Tensor, steps: int) -> torch.Tensor:  # noqa: D102
        return actions

    def initial_activation(self, frame: torch.Tensor) -> torch.Tensor:
        """Activation of the static optimization along the reference, shape [E, M]."""
        return self._scene.reference_activation(frame).float()
