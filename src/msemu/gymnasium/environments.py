"""Environments for learners that know gymnasium: every task is an id of `gymnasium.make` and `gymnasium.make_vec`.

Observations are the groups that the task's agent shows its policy, one after the other; actions are clipped to `REACH`,
beyond which every action space is all but saturated.
"""

from typing import Any

import gymnasium
import numpy as np
import torch
from gymnasium.spaces import Box
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from msemu.api.environment import make
from msemu.errors import MsemuError
from msemu.registry import get_task

REACH = 3.0
"""Greatest action in size [-]."""


class TaskVectorEnv(VectorEnv):
    """Many copies of a task's body, stepped together.

    Episodes that end are reset within the step (`AutoresetMode.SAME_STEP`): the observation returned is the first of
    the next episode, the last one of the ended episode is ``infos["final_obs"]``, valid where ``infos["_final_obs"]``.
    An episode terminates when the body fails, and is truncated at its greatest length or the end of a clip.
    """

    metadata: dict[str, Any] = {"autoreset_mode": AutoresetMode.SAME_STEP, "render_modes": []}  # noqa: RUF012 (declared so by gymnasium)

    def __init__(self, task: str, num_envs: int = 64, torch_tensors: bool = False, **overrides: Any):
        """Build the environments.

        Args:
            task: Id of the task.
            num_envs: Number of environments.
            torch_tensors: Whether observations, rewards and flags are torch tensors on the simulation's device; NumPy
                arrays by default.
            **overrides: As those of `msemu.make`.

        Raises:
            MsemuError: As `msemu.make`.
        """
        self._make = lambda seed: make(task, num_envs, seed=seed, **overrides)
        self._groups = _groups(task)
        self._torch = torch_tensors
        self._open(1)
        self.num_envs = num_envs
        size = self._observed(self._env.get_observations()).shape[1]
        self.single_observation_space = Box(-np.inf, np.inf, (size,), np.float32)
        self.single_action_space = Box(-REACH, REACH, (self._env.num_actions,), np.float32)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Start a new episode everywhere; a ``seed`` builds the environments anew with it.

        Raises:
            MsemuError: There are ``options``, of which there are none to know.
        """
        self._require_open()
        if options:
            raise MsemuError(f"reset knows no options, such as '{next(iter(options))}'; leave them out")
        if seed is not None:
            self._open(seed)
        return self._given(self._observed(self._env.restart())), {}

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        """Advance by one control step; see the class for what happens at the end of episodes.

        Raises:
            MsemuError: Actions are no numbers of the action space's shape.
        """
        self._require_open()
        given = actions if isinstance(actions, torch.Tensor) else torch.as_tensor(_numbers(actions))
        wanted_shape = [self.num_envs, self._env.num_actions]
        if list(given.shape) != wanted_shape:
            raise MsemuError(f"actions have shape {list(given.shape)} in place of {wanted_shape}")
        if given.device.type == "cpu" and given.isnan().any():  # a GPU is not waited for
            row = int(given.isnan().any(dim=1).nonzero()[0, 0])
            raise MsemuError(f"the action of environment {row} is not a number (NaN)")
        wanted = given.to(self._env.device, torch.float32).clamp(-REACH, REACH)
        observations, rewards, dones, extras = self._env.step(wanted)
        truncated = extras["time_outs"]
        terminated = dones.bool() & ~truncated
        infos = {"final_obs": self._observed(extras["terminal_observations"]), "_final_obs": dones.bool()}
        values = (self._observed(observations), rewards, terminated, truncated)
        return *map(self._given, values), {name: self._given(value) for name, value in infos.items()}

    def close_extras(self, **kwargs: Any) -> None:
        """Let go of the simulation."""
        del self._env

    def _open(self, seed: int) -> None:
        self._env = self._make(seed)

    def _require_open(self) -> None:
        if self.closed:
            raise MsemuError("these environments are closed; make them anew with gymnasium.make_vec")

    def _observed(self, groups: Any) -> torch.Tensor:
        return torch.cat([groups[name] for name in self._groups], dim=1)

    def _given(self, values: torch.Tensor) -> Any:
        return values.clone() if self._torch else values.cpu().numpy().copy()


class SingleEnv(gymnasium.Env):
    """One copy of a task's body."""

    metadata: dict[str, Any] = {"render_modes": []}  # noqa: RUF012 (declared so by gymnasium)

    def __init__(self, task: str, **overrides: Any):
        """Build the environment; ``overrides`` are those of `msemu.make`."""
        self._envs = TaskVectorEnv(task, num_envs=1, **overrides)
        self.observation_space = self._envs.single_observation_space
        self.action_space = self._envs.single_action_space

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Start a new episode; see `TaskVectorEnv.reset`."""
        super().reset(seed=seed)
        return self._envs.reset(seed=seed, options=options)[0][0], {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Advance by one control step; after the end of an episode `reset` starts the next one."""
        _, reward, terminated, truncated, infos = self._envs.step(np.asarray(action)[None])
        return infos["final_obs"][0], float(reward[0]), bool(terminated[0]), bool(truncated[0]), {}

    def close(self) -> None:
        """Let go of the simulation."""
        self._envs.close()


def _numbers(actions: Any) -> np.ndarray:
    """Return actions as an array of numbers.

    Raises:
        MsemuError: They are none.
    """
    try:
        return np.asarray(actions, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise MsemuError(f"actions are no array of numbers: {error}") from error


def _groups(task: str) -> list[str]:
    """Return the observation groups that the policy of the task's agent sees."""
    return list(get_task(task).load_agent().obs_groups["actor"])
