"""Many bodies that try different ways through a window of a clip."""

from dataclasses import dataclass

import torch

from msemu.envs.motion_tracking import MotionTrackingEnv
from msemu.tracking.cost import TrackingCost
from msemu.tracking.space import GuidedSpace

State = dict[str, torch.Tensor]
"""State of some bodies, the environments along the first dimension."""

_OWN = ("frame", "start", "episode_length_buf", "excitation")
_ACROSS = "sim.muscle.delay_buffer"
"""The only part of the state that has the environments along its second dimension."""


@dataclass
class Trial:
    """What E bodies did in a window of S control steps.

    Attributes:
        failed: Whether a body has failed, shape [E].
        cost: Cost after each step [-], shape [E, S].
        excitation: Excitations, float32, shape [E, S, M].
        qpos: Pose after each step, shape [E, S, nq].
        qvel: Velocity after each step, shape [E, S, nv].
        wanted: Acceleration that was asked of the independent degrees of freedom, shape [E, S, D].
    """

    failed: torch.Tensor
    cost: torch.Tensor
    excitation: torch.Tensor
    qpos: torch.Tensor
    qvel: torch.Tensor
    wanted: torch.Tensor

    def then(self, later: "Trial") -> "Trial":
        """Return what the bodies did in both windows."""
        others = (getattr(trial, name) for name in _OVER_TIME for trial in (self, later))
        series = [torch.cat(pair, 1) for pair in zip(others, others, strict=True)]
        return Trial(self.failed | later.failed, *series)


_OVER_TIME = ("cost", "excitation", "qpos", "qvel", "wanted")


class Particles:
    """The environments of a search; their action space is the `GuidedSpace`.

    Attributes:
        env: The environments.
        dofs: The independent degrees of freedom that the controller moves.
        space: The action space.
        steps: Environment steps that have been done.
    """

    def __init__(self, env: MotionTrackingEnv, cost: TrackingCost):
        """Take over the environments."""
        assert isinstance(env.action_space, GuidedSpace)
        self.env, self._cost = env, cost
        self.dofs = env.action_space.controller.dofs
        self.space = env.action_space
        self.steps = 0
        self._seen: list[tuple[torch.Tensor, ...]] = []
        env.before_reset = self._look

    def begin(self) -> None:
        """Put every body into the first frame of the clip."""
        self.env.restart(torch.zeros_like(self.env.frame))

    def advance(self, before: torch.Tensor, after: torch.Tensor, steps: int) -> Trial:
        """Go through a window, the guidance going linearly from one value to another, both of shape [E, A]."""
        self._seen = []
        failed = torch.zeros(self.env.num_envs, dtype=torch.bool)
        with torch.no_grad():
            for step in range(1, steps + 1):
                guidance = torch.lerp(before, after, step / steps)
                _, _, dones, _ = self.env.step(guidance)
                failed = failed | dones.bool()
        self.steps += steps * self.env.num_envs
        return Trial(failed, *(torch.stack(values, 1) for values in zip(*self._seen, strict=True)))

    def _look(self) -> None:
        sim, wanted = self.env.sim, self.space.active.wanted
        seen = self._cost(), self.env.last_excitation, sim.qpos, sim.qvel, wanted
        self._seen.append(tuple(values.clone() for values in seen))

    def state(self, rows: torch.Tensor) -> State:
        """Return the state of some bodies."""
        return rows_of(self._own_state(), rows)

    def load(self, state: State, rows: torch.Tensor) -> None:
        """Let each body go on from the state in a row of ``state``, shape [E]."""
        self.env.load_state_dict({**self.env.state_dict(), **rows_of(state, rows)})

    def _own_state(self) -> State:
        state = self.env.state_dict()
        return {key: value for key, value in state.items() if key in _OWN or key.startswith(("sim.", "action."))}


def rows_of(state: State, rows: torch.Tensor) -> State:
    """Return some rows of a state."""
    index = rows.numpy()  # NumPy takes rows of unsigned integers, too
    return {key: torch.from_numpy(value.numpy().take(index, environment_axis(key))) for key, value in state.items()}


def environment_axis(key: str) -> int:
    """Which dimension of a part of the state is that of the environments."""
    return 1 if key == _ACROSS else 0
