"""Flow PPO whose velocity is also drawn to where a learned Q rises."""

from collections.abc import Sequence
from functools import partial
from itertools import chain
from typing import Any

import torch
from rsl_rl.utils import reduce_gradients_in_buckets
from tensordict import TensorDict

from msemu.rl.flow.algorithm import FlowPPO
from msemu.rl.flow.guidance import TwinAdvantage, ascend, explained_variance, flow_matching_loss, point_between
from msemu.rl.memory.replay import Replay


class GuidedFlowPPO(FlowPPO):
    """PPO with value guidance of the flow.

    After each PPO update the actions that the flow carries source points to climb the lesser of two Qs; the velocity is
    taught, by conditional flow matching, to go from the source points to where they arrive. The next rollout is that of
    the guided policy, so that PPO's ratio begins at one.

    One update's guidance ends when it has moved the policy by PPO's own target of the divergence. It counts as far as
    the Qs are to be trusted: they predict the advantages of a rollout before they have learned from it, and the
    explained variance of this prediction fades guidance in.

    With a memory the Qs learn also from what earlier policies and, in a run that begins with a distilled one, its
    teacher have done.

    Attributes:
        twins: The two Qs, less V.
        trust: Share of the guidance's weight that counts, from 0 to 1.
        replay: The memory, if there is one.
    """

    def __init__(self, *arguments: Any, guidance: dict[str, Any], **settings: Any):
        """Build the algorithm; ``guidance`` are arguments of `set_up_guidance`, the others those of `PPO`."""
        super().__init__(*arguments, **settings)
        self.set_up_guidance(**guidance)

    def set_up_guidance(
        self,
        weight: float,
        full_trust_explained_variance: float,
        ascent_steps: int,
        ascent_step_size: float,
        hidden_dims: Sequence[int],
        activation: str,
        learning_rate: float,
        num_learning_epochs: int,
        num_mini_batches: int,
        replay_size: int = 0,
    ) -> None:
        """Build the Qs and the optimizers.

        Args:
            weight: Weight of the flow-matching loss, as a factor of the learning rate.
            full_trust_explained_variance: Explained variance from which on guidance counts fully; it counts nothing
                at zero.
            ascent_steps: Steps of the ascent.
            ascent_step_size: Its step size, in units of the policy's noise and of the advantages' deviation.
            hidden_dims: Hidden units of either Q.
            activation: Their activation function.
            learning_rate: Of the Qs and of the guided velocity.
            num_learning_epochs: Passes of the Qs over a rollout; the velocity makes one.
            num_mini_batches: Mini-batches in a pass.
            replay_size: Transitions that are remembered, of all environments together; with none, the Qs learn from
                one rollout alone.
        """
        self._weight, self._full_trust = weight, full_trust_explained_variance
        self._ascent: dict[str, Any] = {"num_steps": ascent_steps, "step_size": ascent_step_size}
        self._num_epochs, self._num_parts = num_learning_epochs, num_mini_batches
        twins = TwinAdvantage(self.critic.obs_dim, self._num_actions, hidden_dims, activation)
        self.twins = twins.to(self.device)
        self._flow_parameters = list(self.actor.distribution.flow.parameters())
        self._twins_optimizer = torch.optim.Adam(self.twins.parameters(), lr=learning_rate)
        self._flow_optimizer = torch.optim.Adam(self._flow_parameters, lr=learning_rate)
        self._guidance_rate = learning_rate
        self.trust = 0.0
        self.replay = Replay(replay_size, self.storage.num_envs, 1, self.gamma) if replay_size else None

    def process_env_step(
        self, obs: TensorDict, rewards: torch.Tensor, dones: torch.Tensor, extras: dict[str, torch.Tensor]
    ) -> None:
        """Record one environment step, also in the memory."""
        if self.replay is not None:
            ended, time_outs = dones.bool(), extras["time_outs"].to(self.device).bool()
            groups = dict.fromkeys([*self.actor.obs_groups, *self.critic.obs_groups])
            states = (self.transition.observations, extras["terminal_observations"].to(self.device))
            before, after = ({name: rows[name] for name in groups} for rows in states)
            actions = self.transition.actions[:, self._num_actions :]
            self.replay.add(before, actions, rewards, ended & ~time_outs, ended, after)
        super().process_env_step(obs, rewards, dones, extras)

    def update(self) -> dict[str, float]:
        """Let the Qs predict and learn, then PPO, then guide the velocity."""
        before, held = self.skipped_updates, self.anchor is not None and self.anchor.holds
        observations, noise, advantages, unit = self._samples()
        with torch.no_grad():
            explained = explained_variance(self.twins.min_value(observations, noise), advantages)
        explained = self._mean_over_ranks(torch.tensor(explained, device=self.device))
        self.trust = min(1.0, max(0.0, explained / self._full_trust))
        value_error = self._learn_values(observations, noise, advantages, unit)
        losses = super().update()
        shift = self._guide() if self.trust > 0.0 and self._weight > 0.0 and not held else 0.0
        skipped = self.skipped_updates - before
        shown = {"q_explained_variance": explained, "q": value_error, "guidance_trust": self.trust}
        return {**losses, **shown, "guidance_shift": shift, "skipped_updates": skipped}

    def save(self) -> dict:
        """Everything that the next iteration depends on."""
        state = {name: part.state_dict() for name, part in self._parts().items()}
        return {**super().save(), "guidance": state}

    def load(self, loaded_dict: dict, load_cfg: dict | None, strict: bool) -> bool:
        """Continue from `save`; a part of it leaves the Qs as they are."""
        if load_cfg is None:
            for name, part in self._parts().items():
                part.load_state_dict(loaded_dict["guidance"][name])
        return super().load(loaded_dict, load_cfg, strict)

    def broadcast_parameters(self) -> None:
        """Give every rank the networks of the first."""
        super().broadcast_parameters()
        for tensor in self.twins.state_dict().values():
            torch.distributed.broadcast(tensor, src=0)

    def _parts(self) -> dict[str, torch.nn.Module | torch.optim.Optimizer]:
        return {"twins": self.twins, "twins_optimizer": self._twins_optimizer, "flow_optimizer": self._flow_optimizer}

    def _samples(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        """Of the rollout: observations, actions in units of the noise about the mean, advantages in their deviation."""
        storage = self.storage
        with torch.no_grad():
            observations = self.critic.get_latent(storage.observations.flatten(0, 1))
            mean, std, _, residual_std = (each.flatten(0, 1) for each in storage.distribution_params)
            actions = storage.actions.flatten(0, 1)[:, self._num_actions :]
            advantages = (storage.returns - storage.values).flatten(0, 1)
            noise, unit = (actions - mean) / torch.hypot(std, residual_std), advantages.std()
        return observations, noise, advantages / unit, unit

    def _remembered(self, replay: Replay, count: int, unit: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Draw the same from the memory, for the policy and the critic of now.

        What an action was worth more than the state is ``(1 - gamma) r + gamma V(s') - V(s)`` of its one step, whoever
        chose it.
        """
        batch = replay.draw(count)
        with torch.no_grad():
            seen, after = (
                TensorDict(rows, batch_size=[count], device=self.device)
                for rows in (batch.observations, batch.next_observations)
            )
            worth = (1.0 - self.gamma) * batch.returns + batch.discounts * self.critic(after) - self.critic(seen)
            self.actor(seen, stochastic_output=True)
            mean, std, _, residual_std = self.actor.distribution.params
            noise = (batch.actions - mean) / torch.hypot(std, residual_std)
            return self.critic.get_latent(seen), noise, worth / unit

    def _learn_values(
        self, observations: torch.Tensor, noise: torch.Tensor, advantages: torch.Tensor, unit: torch.Tensor
    ) -> float:
        """Teach the Qs on the rollout and on as much of the memory, if there is one."""
        error = torch.zeros(())
        for rows in self._mini_batches(len(noise), self._num_epochs):
            shown: Sequence[torch.Tensor] = observations[rows], noise[rows], advantages[rows]
            if self.replay is not None:
                remembered = self._remembered(self.replay, len(rows), unit)
                shown = [torch.cat(pair) for pair in zip(shown, remembered, strict=True)]
            loss = (self.twins(shown[0], shown[1]) - shown[2]).square().mean()
            self._step(self._twins_optimizer, loss, list(self.twins.parameters()))
            error = loss.detach()
        return error.item()

    def _guide(self) -> float:
        """Teach the velocity, and return how far the ascent went, per action and in units of the noise."""
        for group in self._flow_optimizer.param_groups:
            group["lr"] = self._weight * self.trust * self._guidance_rate
        visited, head, shift = self.storage.observations.flatten(0, 1), self.actor.distribution, 0.0
        with torch.no_grad():
            sources, _ = self.actor(visited, stochastic_output=True).chunk(2, dim=1)
            means, std, before, residual_std = head.params
            contexts, observations = head.context, self.critic.get_latent(visited)
            source_std, residual_std, noise = std[:1].squeeze(0), residual_std[:1], torch.hypot(std, residual_std)[:1]
        for rows in self._mini_batches(len(visited), 1):
            source, mean, context, given = sources[rows], means[rows], contexts[rows], observations[rows]
            with torch.no_grad():
                carried = head.flow(source, mean, source_std, context)
                moved = 0.5 * ((carried - before[rows]) / residual_std).square().sum(dim=1).mean()
            if self._mean_over_ranks(moved) > self.desired_kl:
                break
            start = (carried - mean) / noise
            end = ascend(partial(self.twins.min_value, given), start, **self._ascent)
            time = torch.rand(len(rows), 1, device=self.device)
            point, wanted = point_between(source, mean + noise * end, time)
            velocity = head.flow.velocity(point, time, mean, source_std, context)
            loss = flow_matching_loss(velocity / noise, wanted / noise)
            self._step(self._flow_optimizer, loss, self._flow_parameters)
            shift = (end - start).square().mean().sqrt().item()
        return shift

    def _mean_over_ranks(self, value: torch.Tensor) -> float:
        if self.is_multi_gpu:
            torch.distributed.all_reduce(value)
            value = value / self.gpu_world_size
        return value.item()

    def _mini_batches(self, count: int, epochs: int) -> chain:
        return chain(*(torch.randperm(count, device=self.device).chunk(self._num_parts) for _ in range(epochs)))

    def _step(self, optimizer: torch.optim.Optimizer, loss: torch.Tensor, parameters: list[torch.nn.Parameter]) -> None:
        """One step, unless its gradient is not finite."""
        optimizer.zero_grad()
        loss.backward()
        if self.is_multi_gpu:
            reduce_gradients_in_buckets(parameters, self.gpu_world_size, self.grad_reduce_bucket_mb)
        if torch.nn.utils.clip_grad_norm_(parameters, self.max_grad_norm).isfinite():
            optimizer.step()
        else:
            self.skipped_updates += 1
