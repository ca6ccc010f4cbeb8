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
    """

    Cfg: ClassVar[type[PriorCfg]]

    @abstractmethod
    def excitation(self, frame: torch.Tensor) -> torch.Tensor:
        """Return the excitations of the next control step in [0, 1], float32, shape [E, M].

        Args:
            frame: Number of the reference frame that each body should now be in, shape [E].
        """


class ControllerPrior(Prior):
    """The model-based controller of the action space ``joint`` at an action of zero."""

    Cfg = ControllerPriorCfg

    def __init__(self, cfg: ControllerPriorCfg, scene: Scene):
        self._controller = make_controller(cfg.controller, scene)

    def excitation(self, frame: torch.Tensor) -> torch.Tensor:  # noqa: D102
        return self._controller.decode(frame).excitation

    def reset(self, mask: torch.Tensor) -> None:  # noqa: D102
        self._controller.reset(mask)

    def state_dict(self) -> dict[str, torch.Tensor]:  # noqa: D102
        return self._controller.state_dict()

    def load_state_dict(self, state: dict[str, torch.Tensor]) -> None:  # noqa: D102
        self._controller.load_state_dict(state)
