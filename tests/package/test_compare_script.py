"""Returns that the comparison of agents judges a critic by."""

import torch
from compare_agents import returns


def test_returns_end_with_the_episode_and_only_known_ones_count() -> None:
    rewards = torch.tensor([[1.0, 1.0], [2.0, 0.0], [4.0, 0.0]] + 8 * [[0.0, 0.0]])
    goes_on = torch.ones_like(rewards)
    goes_on[1, 0] = 0.0  # the first body fails in its second step
    predicted = torch.arange(22.0).view(11, 2)
    kept, found = returns(predicted, rewards, goes_on, gamma=0.5)  # 0.5^5 < 0.05: five steps are unknown
    assert torch.equal(kept, predicted[:6])
    assert found[:, 0].tolist() == [2.0, 2.0, 4.0, 0.0, 0.0, 0.0] and found[:, 1].tolist() == [1.0, 0, 0, 0, 0, 0]
