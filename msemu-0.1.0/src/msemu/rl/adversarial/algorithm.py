"""PPO whose reward comes, wholly or in part, from a discriminator."""

from typing import Any

import torch
from rsl_rl.env import VecEnv
from rsl_rl.models import MLPModel
from rsl_rl.storage import RolloutStorage
from tensordict import TensorDict
from torch.utils.tensorboard import SummaryWriter

from msemu.components import resolve
from msemu.config import build
from msemu.envs.motion_tracking import MotionTrackingEnv
from msemu.envs.rewards import RewardSum
from msemu.rl.adversarial.diagnostics import Diagnostics, DiagnosticsLog
from msemu.rl.adversarial.discriminator import Discriminator
from msemu.rl.ppo import PPO
from msemu.schema import RewardTermCfg
from msemu.sim import single_threaded


class AdversarialPPO(PPO):
    """PPO on ``w_task * task reward + w_disc * discriminator reward + regularizers``.

    Samples for the discriminator are taken in each step from `MotionTrackingEnv.transition`, which is from before any
    reset. Their rewards are computed all at once when the rollout is complete; then the discriminator learns from them,
    then PPO. A simulation that has blown up gives no sample and no reward, and neither does a discriminator that has.
    """

    discriminator: Discriminator

    def __init__(
        self,
        actor: MLPModel,
        critic: MLPModel,
        storage: RolloutStorage,
        discriminator: dict[str, Any],
        task_reward_weight: float,
        discriminator_reward_weight: float,
        regularizers: dict[str, Any],
        **settings: Any,
    ):
        """Build the algorithm; `attach` adds the discriminator and the regularizers.

        Args:
            actor: Policy network.
            critic: Value network.
            storage: Memory of one rollout.
            discriminator: ``class_name`` of a `Discriminator` and its arguments.
            task_reward_weight: Weight of the environment's own reward.
            discriminator_reward_weight: Weight of the discriminator's.
            regularizers: Terms as in `EnvCfg.rewards`, added as they are.
            settings: Arguments of `PPO`.

        Raises:
            MsemuError: A regularizer has an unknown value.
        """
        super().__init__(actor, critic, storage, **settings)
        self._discriminator_cfg = dict(discriminator)
        self._task_weight = task_reward_weight
        self._discriminator_weight = discriminator_reward_weight
        self._regularizer_cfgs = {
            name: build(RewardTermCfg, term, f"regularizers.{name}") for name, term in regularizers.items()
        }

    @staticmethod
    def construct_algorithm(obs: TensorDict, env: VecEnv, cfg: dict, device: str) -> "AdversarialPPO":
        """Build the algorithm with its networks, and its discriminator for ``env``."""
        algorithm = PPO.construct_algorithm(obs, env, cfg, device)
        algorithm.attach(env)
        return algorithm

    def attach(self, env: MotionTrackingEnv) -> None:
        """Build discriminator and regularizers for ``env``, and the memory of one rollout.

        Raises:
            MsemuError: A regularizer is unknown or does not fit.
        """
        settings = dict(self._discriminator_cfg)
        self.discriminator = resolve("discriminator", settings.pop("class_name", None), Discriminator)(
            env=env, device=self.device, **settings
        )
        shape = (self.storage.num_transitions_per_env, env.num_envs)
        self._regularizers = RewardSum("regularizers", self._regularizer_cfgs, env.scene)
        self._regularizers.check(env.transition)
        self._env = env
        self._samples = torch.zeros(*shape, self.discriminator.num_features, device=self.device)
        self._valid = torch.zeros(shape, dtype=torch.bool, device=self.device)
        self._rewards = torch.zeros(shape, device=self.device)
        self._diagnostics: Diagnostics | None = None
        self._log = DiagnosticsLog()

    def process_env_step(
        self, obs: TensorDict, rewards: torch.Tensor, dones: torch.Tensor, extras: dict[str, Any]
    ) -> None:
        """Record one environment step, without the discriminator's reward."""
        step = self._env.transition
        with single_threaded(self._env.device):
            samples = self.discriminator.observe(self._env, dones.bool()).to(self.device)
            self._regularizers.update(step)
            costs, shares = self._regularizers(step)
            self._regularizers.reset(dones.bool())
        valid = step.finite.to(self.device) & samples.isfinite().all(1)
        self._samples[self.storage.step] = torch.where(valid.unsqueeze(1), samples, 0.0)
        self._valid[self.storage.step] = valid
        for name, share in zip(self._regularizers.names, shares.unbind(1), strict=True):
            extras["log"][f"Regularizer/{name}"] = torch.where(step.finite, share, 0.0).mean()
        costs = torch.where(valid, costs.to(self.device), 0.0)
        super().process_env_step(obs, self._task_weight * rewards + costs, dones, extras)

    def compute_returns(self, obs: TensorDict) -> None:
        """Add the discriminator's rewards of the whole rollout, then compute returns."""
        rewards = self.discriminator.reward(self._samples.flatten(0, 1)).view_as(self._rewards)
        self._rewards.copy_(torch.where(self._valid & rewards.isfinite(), rewards, 0.0))
        self.storage.rewards += (1.0 - self.gamma) * self._discriminator_weight * self._rewards.unsqueeze(2)
        super().compute_returns(obs)

    def update(self) -> dict[str, float]:
        """Train the discriminator on the rollout, then policy and value."""
        self._diagnostics = self.discriminator.update(self._samples[self._valid])
        losses = super().update()
        if self._diagnostics is not None:
            losses["discriminator"] = self._diagnostics.loss.item()
        return losses

    def complaints(self) -> list[str]:
        """Say what regularizers of plug-ins have done wrong so far, one line each."""
        return self._regularizers.not_finite()

    def write_curves(self, writer: SummaryWriter, iteration: int) -> None:
        """Write what the last update showed."""
        self._log.write(writer, iteration, self._diagnostics, self._rewards.flatten(), self._discriminator_weight)

    def train_mode(self) -> None:
        """Set the networks to training."""
        super().train_mode()
        self.discriminator.network.train()

    def eval_mode(self) -> None:
        """Set the networks to evaluation."""
        super().eval_mode()
        self.discriminator.network.eval()

    def save(self) -> dict:
        """Everything that the next iteration depends on."""
        return {
            **super().save(),
            "discriminator": self.discriminator.state_dict(),
            "regularizers": self._regularizers.state_dict(),
        }

    def load(self, loaded_dict: dict, load_cfg: dict | None, strict: bool) -> bool:
        """Continue from `save`; a part of it leaves the discriminator as it is."""
        if load_cfg is None:
            self.discriminator.load_state_dict(loaded_dict["discriminator"])
            self._regularizers.load_state_dict(loaded_dict.get("regularizers", {}))
        return super().load(loaded_dict, load_cfg, strict)

    def broadcast_parameters(self) -> None:
        """Give every rank the networks and statistics of the first."""
        super().broadcast_parameters()
        self.discriminator.synchronize()
