"""A planar chain of many joints that reaches for points: one task for any number of actions.

After the chain on which Qflex (arXiv:2601.19707) motivates directed exploration: length and speed of the whole chain
are fixed, so that every joint has the less effect the more joints there are.
"""

import math

import torch
from rsl_rl.env import VecEnv
from tensordict import TensorDict

BEND_PER_STEP = 0.5
"""Bend of the whole chain in one step where every action is one [rad]."""
GREATEST_BEND = 2.0 * math.pi
"""Bend of the whole chain where every joint is at its limit [rad]."""
EPISODE_STEPS = 24
_POINTS_SEEN = 10
_TARGET_BEND = 1.5


def points(angles: torch.Tensor) -> torch.Tensor:
    """Forward kinematics of a chain of length one that begins at the origin.

    Args:
        angles: Joint angles, each relative to the link before it [rad], shape [..., A].

    Returns:
        Ends of the links [chain lengths], shape [..., A, 2]; the last one is the end-effector.
    """
    direction = angles.cumsum(dim=-1)
    return torch.stack((direction.cos(), direction.sin()), dim=-1).cumsum(dim=-2) / angles.shape[-1]


def end_effector_variance(num_joints: int, std: float) -> float:
    """Variance of the end-effector after one step of independent noise from the straight chain.

    Directions are sums of independent normal angles of deviation ``s = BEND_PER_STEP std / A``. With
    ``q = exp(-s^2/2)`` the mean of the cosine of direction i is ``q^i``, and that of the difference of two ``q^|i-j|``;
    hence ``(sum_ij q^|i-j| - (sum_i q^i)^2) / A^2``. For many joints it is ``(BEND_PER_STEP std)^2 / (3 A)``.

    Args:
        num_joints: Joints A.
        std: Deviation of each action.

    Returns:
        Sum of the variances of both coordinates [chain lengths^2].
    """
    index = torch.arange(1, num_joints + 1, dtype=torch.float64)
    decay = -0.5 * (BEND_PER_STEP * std / num_joints) ** 2
    pairs = torch.exp(decay * (index[:, None] - index).abs()).sum()
    return ((pairs - torch.exp(decay * index).sum() ** 2) / num_joints**2).item()


class PlanarChain(VecEnv):
    """Chains whose end-effectors reach for points that some smooth posture reaches.

    An action turns its joint by ``BEND_PER_STEP / A`` at most. The reward of a step is the distance between
    end-effector and target afterwards, negative. Ten points along the chain and the target are observed: the same 24
    numbers for any number of joints, so that nothing but the actions becomes more. Episodes end by time only.

    Attributes:
        angles: Joint angles [rad], shape [N, A].
        target: Where the end-effector shall go [chain lengths], shape [N, 2].
    """

    def __init__(self, num_envs: int, num_joints: int, seed: int):
        """Build the chains.

        Args:
            num_envs: Chains N.
            num_joints: Joints A of each, one action for each.
            seed: Seed of postures and targets.
        """
        self.num_envs, self.num_actions = num_envs, num_joints
        self.max_episode_length = EPISODE_STEPS
        self.episode_length_buf = torch.zeros(num_envs, dtype=torch.long)
        self.device = torch.device("cpu")
        self.cfg: dict = {}
        self._generator = torch.Generator().manual_seed(seed)
        seen = torch.linspace(0.0, num_joints, _POINTS_SEEN + 1)[1:]
        self._seen = (seen.round().long() - 1).clamp(min=0)
        self.angles, self.target = self._postures(), points(self._postures())[:, -1]

    def end_effector(self) -> torch.Tensor:
        """Where the chains end [chain lengths], shape [N, 2]."""
        return points(self.angles)[:, -1]

    def distance(self) -> torch.Tensor:
        """From end-effector to target [chain lengths], shape [N]."""
        return (self.end_effector() - self.target).norm(dim=1)

    def action_groups(self, num_groups: int) -> torch.Tensor:
        """Return the number of each joint's group of neighbors along the chain, shape [A]."""
        return torch.arange(self.num_actions) * num_groups // self.num_actions

    def get_observations(self) -> TensorDict:
        """Points along the chain, target, and the way from end-effector to target, shape [N, 24]."""
        seen = points(self.angles)[:, self._seen]
        state = torch.cat((seen.flatten(1), self.target, self.target - seen[:, -1]), dim=1)
        return TensorDict({"state": state}, batch_size=[self.num_envs])

    def step(self, actions: torch.Tensor) -> tuple[TensorDict, torch.Tensor, torch.Tensor, dict[str, torch.Tensor]]:
        """Turn the joints; chains whose time is over begin anew."""
        limit = GREATEST_BEND / self.num_actions
        turned = self.angles + BEND_PER_STEP / self.num_actions * actions.clamp(-1.0, 1.0)
        self.angles = turned.clamp(-limit, limit)
        self.episode_length_buf = self.episode_length_buf + 1
        rewards, final = -self.distance(), self.get_observations()
        over = self.episode_length_buf >= self.max_episode_length
        following = final
        if over.any():
            self._begin(over)
            following = self.get_observations()
        return following, rewards, over.float(), {"time_outs": over, "terminal_observations": final}

    def _begin(self, over: torch.Tensor) -> None:
        self.angles = torch.where(over[:, None], self._postures(), self.angles)
        self.target = torch.where(over[:, None], points(self._postures())[:, -1], self.target)
        self.episode_length_buf = self.episode_length_buf.masked_fill(over, 0)

    def _postures(self) -> torch.Tensor:
        """Two arcs, each of half the chain's length and of random bend, shape [N, A]."""
        bends = _TARGET_BEND * (2.0 * torch.rand(self.num_envs, 2, generator=self._generator) - 1.0)
        half = (2 * torch.arange(self.num_actions) >= self.num_actions).long()
        return 2.0 / self.num_actions * bends[:, half]
