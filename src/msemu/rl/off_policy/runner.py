"""The off-policy runner: a step of all environments, then learning from memory."""

import time
from typing import Any, ClassVar

import torch
from tensordict import TensorDict

from msemu.errors import MsemuError
from msemu.rl.distributed import Team
from msemu.rl.off_policy.crossq import CrossQ
from msemu.rl.runner import Runner


class OffPolicyRunner(Runner):
    """Trains an off-policy algorithm; all but the loop is that of the on-policy runner.

    An iteration is ``num_steps_per_env`` steps, for curves and checkpoints.
    """

    alg: Any
    trains: ClassVar[type] = CrossQ

    @classmethod
    def check_team(cls, team: Team) -> None:
        """Refuse several processes."""
        if team.size > 1:
            raise MsemuError(
                f"an off-policy agent learns in one process, not in {team.size}; start it without torchrun, "
                "with more --num-envs"
            )

    def learn(self, num_learning_iterations: int, init_at_random_ep_len: bool = False) -> None:
        """Learn for a number of iterations."""
        if init_at_random_ep_len:
            ages = self.env.episode_length_buf
            self.env.episode_length_buf = torch.randint_like(ages, high=int(self.env.max_episode_length))
        self.logger.init_logging_writer()
        self.alg.train_mode()
        first = self.current_learning_iteration
        last = first + num_learning_iterations
        observations = self.env.get_observations().to(self.device)
        for iteration in range(first, last):
            seconds = {"collect_time": 0.0, "learn_time": 0.0}
            for _ in range(self.cfg["num_steps_per_env"]):
                start = time.perf_counter()
                observations = self._step(observations)
                stepped = time.perf_counter()
                self.alg.update()
                seconds["collect_time"] += stepped - start
                seconds["learn_time"] += time.perf_counter() - stepped
            self.current_learning_iteration = iteration
            if self.alg.anchor:
                self.alg.anchor.after_iteration()
            self.logger.log(
                it=iteration, start_it=first, total_it=last, **seconds, loss_dict=self.alg.losses(),
                learning_rate=self.alg.learning_rate, action_std=self.alg.get_policy().output_std, rnd_weight=None,
            )  # fmt: skip
            if self.logger.writer is not None and iteration % self.cfg["save_interval"] == 0:
                self.save(self._checkpoint_path())
        if self.logger.writer is not None:
            self.save(self._checkpoint_path())

    def _step(self, observations: TensorDict) -> TensorDict:
        with torch.no_grad():
            actions = self.alg.act(observations)
            following, rewards, dones, extras = self.env.step(actions.to(self.env.device))
            following, rewards, dones = (each.to(self.device) for each in (following, rewards, dones))
            self.alg.process_env_step(following, rewards, dones, extras)
            self.logger.process_env_step(rewards, dones, extras)
        return following
