"""An observation term of the plug-in's own, with options and a memory."""

from dataclasses import dataclass
from typing import Annotated

import torch

from msemu.envs.action.space import Scene
from msemu.envs.readings import Readings, Transition
from msemu.envs.terms import Term
from msemu.schema.ranges import Range


@dataclass(frozen=True)
class DelayOptions:
    """How late the nerves are."""

    delay_steps: Annotated[int, Range(1, 50)] = 2
    """Control steps after which a force is felt."""


class DelayedForce(Term):
    """Muscle forces of some control steps ago, zero before the episode began."""

    Options = DelayOptions

    def __init__(self, options: DelayOptions, scene: Scene):
        """Remember nothing yet."""
        shape = (options.delay_steps + 1, scene.sim.num_envs, scene.body.num_muscles)
        self._memory = torch.zeros(shape, device=scene.sim.device)

    def __call__(self, now: Readings) -> torch.Tensor:
        """The oldest forces, shape [N, M]."""
        return self._memory[0, now.rows]

    def update(self, step: Transition) -> None:
        """Take in the forces of a control step."""
        self._memory = torch.cat((self._memory[1:], step.muscles.force.unsqueeze(0)))

    def reset(self, mask: torch.Tensor) -> None:
        """Forget the forces of the environments that start anew."""
        self._memory = torch.where(mask.unsqueeze(1), 0.0, self._memory)

    def state_dict(self) -> dict[str, torch.Tensor]:
        """The forces that are remembered."""
        return {"memory": self._memory.clone()}

    def load_state_dict(self, state: dict[str, torch.Tensor]) -> None:
        """Continue from a `state_dict`."""
        self._memory = state["memory"].clone()
