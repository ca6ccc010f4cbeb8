"""The action spaces of the search: the controller's targets as they are, and recorded excitations."""

from dataclasses import dataclass, field, replace
from typing import Any

import torch

from msemu.control.independent_dofs import ROOT_DOFS
from msemu.control.tracking.controller import TrackingController
from msemu.envs.action.joint import make_controller
from msemu.envs.action.space import ActionSpace, Scene
from msemu.motion.clip import MotionClip
from msemu.motion.reference import ReferenceMotion
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
        controller: The muscle controller that follows the clip.
        is_about_found: Whether bodies are guided about the way of `follow` in place of the clip.
    """

    Cfg = GuidedCfg

    def __init__(self, cfg: GuidedCfg, scene: Scene):
        self._cfg, self._scene = cfg.controller, scene
        self.controller = make_controller(cfg.controller, scene)
        self._found: TrackingController | None = None
        self.is_about_found = False
        self._parts = (len(self.controller.dofs) - ROOT_DOFS, ROOT_DOFS, STEP_AXES)
        self.num_actions = sum(self._parts)

    def follow(self, found: MotionClip) -> None:
        """Let bodies be guided about a way that was found, with the accelerations that were wanted there."""
        cfg = replace(self._cfg, feedforward=True, contact_regions=self.controller.regions)
        reference = ReferenceMotion(found, self._scene.body, found.fps, self._scene.sim.device)
        self._found = make_controller(cfg, replace(self._scene, reference=reference))

    @property
    def active(self) -> TrackingController:
        """The muscle controller that is at work."""
        return self._found if self._found and self.is_about_found else self.controller

    def excitation(self, actions: torch.Tensor, frame: torch.Tensor, steps: int) -> torch.Tensor:  # noqa: D102
        offset, push, step = actions.double().split(self._parts, 1)
        return self.active.decode(frame, offset, push, step).excitation

    def initial_activation(self, frame: torch.Tensor) -> torch.Tensor:
        """Activation of the static optimization along the reference, shape [E, M]."""
        return self._scene.reference_activation(frame).float()

    def reset(self, mask: torch.Tensor) -> None:  # noqa: D102
        self.active.reset(mask)

    def state_dict(self) -> dict[str, torch.Tensor]:  # noqa: D102
        return self.active.state_dict()

    def load_state_dict(self, state: dict[str, torch.Tensor]) -> None:  # noqa: D102
        self.active.load_state_dict(state)


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
