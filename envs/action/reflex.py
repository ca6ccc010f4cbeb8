"""A prior of the spinal cord: what the muscles do along the reference, and stretch reflexes."""

import torch

from msemu.envs.action.prior import Prior
from msemu.envs.action.space import Scene
from msemu.envs.muscles import MuscleReader
from msemu.muscle.overrides import configured_parameters
from msemu.schema import ReflexCfg


class ReflexPrior(Prior):
    """Feed-forward excitation of the static optimization, and delayed positive feedback of length and velocity.

        excitation = feed-forward(t) + kl max(0, l(t-d) - l_ref(t-d)) + kv max(0, v(t-d) - v_ref(t-d))

    The form is that of the muscle reflexes of Geyer and Herr 2010 (doi 10.1109/TNSRE.2010.2047592): a stimulation plus
    the delayed positive part of a length beyond its offset; here the offset follows the reference, and velocity is fed
    back alike. Lengths are in optimal fiber lengths.
    """

    Cfg = ReflexCfg

    def __init__(self, cfg: ReflexCfg, scene: Scene):
        self._reader, self._reference = MuscleReader(scene.body, scene.sim), scene.reference
        device = scene.sim.device
        fiber = configured_parameters(scene.body.model, scene.muscle).optimal_fiber_length

        def tensor(array: object) -> torch.Tensor:
            return torch.as_tensor(array, dtype=torch.float32, device=device)

        self._feed_forward = tensor(scene.muscles.excitation)
        self._length, self._velocity = tensor(scene.muscles.length), tensor(scene.muscles.velocity)
        self._length_gain = tensor(cfg.length_gain / fiber)
        self._velocity_gain = tensor(cfg.velocity_gain_s / fiber)
        delay = round(cfg.delay_s / scene.control_step_s)
        self._memory = torch.zeros(delay + 1, scene.sim.num_envs, len(fiber), device=device)
        self._newest = 0

    def excitation(self, frame: torch.Tensor, passed: float = 0.0) -> torch.Tensor:  # noqa: D102
        row = self._reference.row(frame)
        muscles = self._reader.read()
        stretch, speed = muscles.path_length - self._length[row], muscles.path_velocity - self._velocity[row]
        self._newest = (self._newest + 1) % len(self._memory)
        feedback = self._length_gain * stretch.clamp(min=0.0) + self._velocity_gain * speed.clamp(min=0.0)
        self._memory[self._newest] = feedback
        delayed = self._memory[(self._newest + 1) % len(self._memory)]
        return (self._feed_forward[row] + delayed).clamp(0.0, 1.0)

    def reset(self, mask: torch.Tensor) -> None:  # noqa: D102
        self._memory.masked_fill_(mask.unsqueeze(1), 0.0)

    def state_dict(self) -> dict[str, torch.Tensor]:  # noqa: D102
        return {"memory": self._memory.clone(), "newest": torch.tensor(self._newest)}

    def load_state_dict(self, state: dict[str, torch.Tensor]) -> None:  # noqa: D102
        self._memory.copy_(state["memory"])
        self._newest = int(state["newest"])
