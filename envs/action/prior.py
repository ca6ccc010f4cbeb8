"""What drives the muscles before anything is learned."""

from abc import ABC, abstractmethod
from typing import ClassVar

import torch

from msemu.envs.action.joint import make_controller
from msemu.envs.action.space import Memory, Scene
from msemu.schema import ControllerPriorCfg, PriorCfg


class Prior(Memory, ABC):
    """Excitations that make a body follow its reference, more or less.

    A class of your own is named and built like an `ActionSpace`; its values derive from `PriorCfg`.

    Attributes:
        Cfg: Dataclass of its values.
        decodings: Times that it finds excitations in a control step, see `msemu.control.tracking.parts`.
    """

    Cfg: ClassVar[type[PriorCfg]]
    decodings: int = 1

    @abstractmethod
    def excitation(self, frame: torch.Tensor, passed: float = 0.0) -> torch.Tensor:
        """Return the excitations of the next control step in [0, 1], float32, shape [E, M].

        Args:
            frame: Number of the reference frame that each body should now be in, shape [E].
            passed: Share of the control step that is over, above zero where `decodings` are more than one.
        """


class ControllerPrior(Prior):
    """The model-based controller of the action space ``joint`` at an action of zero."""

    Cfg = ControllerPriorCfg

    def __init__(self, cfg: ControllerPriorCfg, scene: Scene):
        self._controller = make_controller(cfg.controller, scene)
        self.decodings = cfg.controller.decodings

    def excitation(self, frame: torch.Tensor, passed: float = 0.0) -> torch.Tensor:  # noqa: D102
        return self._controller.decode(frame, passed=passed).excitation

    def reset(self, mask: torch.Tensor) -> None:  # noqa: D102
        self._controller.reset(mask)

    def state_dict(self) -> dict[str, torch.Tensor]:  # noqa: D102
        return self._controller.state_dict()

    def load_state_dict(self, state: dict[str, torch.Tensor]) -> None:  # noqa: D102
        self._controller.load_state_dict(state)
