"""PPO of Stable-Baselines3 on a task: python tools/examples/train_with_sb3.py [STEPS] [TASK].

It needs pip install stable-baselines3. Any learner needs no more than environments of gymnasium in its own form.
"""

import sys
from typing import Any

import gymnasium
import numpy as np
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import VecEnv

import msemu.gymnasium  # noqa: F401  (makes every task an id of gymnasium)


class AsSb3(VecEnv):
    """Environments of gymnasium that reset themselves within the step, as Stable-Baselines3 knows them."""

    def __init__(self, envs: gymnasium.vector.VectorEnv):
        super().__init__(envs.num_envs, envs.single_observation_space, envs.single_action_space)
        self.envs, self.render_mode = envs, None

    def reset(self) -> np.ndarray:
        """Start everywhere."""
        return self.envs.reset()[0]

    def step_async(self, actions: np.ndarray) -> None:
        """Take the actions of the next step."""
        self._actions = actions

    def step_wait(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[dict[str, Any]]]:
        """Do the step; what an episode ends in goes where Stable-Baselines3 looks for it."""
        observations, rewards, terminated, truncated, seen = self.envs.step(self._actions)
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        for index in np.flatnonzero(terminated | truncated):
            last = {"terminal_observation": seen["final_obs"][index]}
            infos[index] = last | {"TimeLimit.truncated": bool(truncated[index])}
        return observations, rewards, terminated | truncated, infos

    def close(self) -> None:
        """Let go of the simulation."""
        self.envs.close()

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """Return an attribute of the environments, which is that of all."""
        return [getattr(self.envs, attr_name, None)] * self.num_envs

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Set an attribute of all."""
        setattr(self.envs, attr_name, value)

    def env_method(self, method_name: str, *args: Any, indices: Any = None, **settings: Any) -> list[Any]:
        """Call a method of all."""
        return [getattr(self.envs, method_name)(*args, **settings)]

    def env_is_wrapped(self, wrapper_class: type, indices: Any = None) -> list[bool]:
        """Nothing is wrapped."""
        return [False] * self.num_envs


def train(steps: int, task: str, num_envs: int = 16, **overrides: Any) -> PPO:
    """Learn for so many control steps of all environments together."""
    envs = AsSb3(gymnasium.make_vec(task, num_envs=num_envs, **overrides))
    learner = PPO("MlpPolicy", envs, n_steps=64, batch_size=16 * num_envs, gamma=0.97, device="cpu", verbose=1)
    return learner.learn(steps)


if __name__ == "__main__":
    train(
        int(sys.argv[1]) if len(sys.argv) > 1 else 200_000,
        sys.argv[2] if len(sys.argv) > 2 else "Msemu-Walk-MyoLegs-v0",
    )
