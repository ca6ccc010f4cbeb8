"""Adversarial differential discriminator (ADD, arXiv:2505.04961): no hand-set weights for the tracking errors."""

from typing import Any

import torch

from msemu.envs.motion_tracking import MotionTrackingEnv
from msemu.rl.adversarial.discriminator import Discriminator
from msemu.rl.adversarial.features import MotionFeatures
from msemu.rl.adversarial.normalizer import MeanAbsoluteNormalizer


class AddDiscriminator(Discriminator):
    """A sample is the difference of the reference's features and the body's; the one good sample is zero."""

    penalizes_negatives = True

    def __init__(self, env: MotionTrackingEnv, device: str, features: dict[str, Any], **settings: Any):
        """Build it for an environment; ``features`` are ``entries`` and ``frame`` of `MotionFeatures`."""
        self._features = MotionFeatures(env.body, env.device, **features)
        normalizer = MeanAbsoluteNormalizer(self._features.num_features, device)
        super().__init__(self._features.parts, normalizer, device, **settings)
        self._perfect = torch.zeros(1, self.num_features, device=device)

    def observe(self, env: MotionTrackingEnv, dones: torch.Tensor) -> torch.Tensor:  # noqa: D102
        step = env.transition
        both = self._features(step.reference.followed_by(step.state)[:, None])
        return both[: env.num_envs] - both[env.num_envs :]

    def positives(self, count: int) -> torch.Tensor:  # noqa: D102
        return self._perfect
