"""A discriminator of a plug-in's own: ADD with the probability of being perfect as its reward."""

import torch

from msemu.rl.adversarial.add import AddDiscriminator


class ProbabilityAdd(AddDiscriminator):
    """ADD whose reward lies between 0 and 1."""

    def reward(self, samples: torch.Tensor) -> torch.Tensor:
        """Probability that the discriminator gives to a sample, shape [N]."""
        return torch.sigmoid(self.logits(samples)).squeeze(1)
