"""What muscles prefer, body by body: the effort that the decoder makes least among all that gives the same movement.

    effort = sum_i w_i |a_i - a0_i|^p

The decoder minimizes squares. Any p is Newton's method on top: around the activations a of the last control step the
effort is a square whose center and weight have its slope and its curvature, so activations at which the decoder stays
minimize the effort itself (tested against an independent solver).
"""

from dataclasses import dataclass, fields

import torch

_USUAL = 0.2
"""Activation at which the effort of every exponent costs as much as its square [-]."""
_LEAST_DEVIATION = 0.02
"""Deviation from the preferred activation below which the curvature no longer falls [-]."""


@dataclass
class Preferences:
    """Preferences of E bodies with M muscles.

    Attributes:
        weight: Weights w of the effort [-], shape [E, M].
        tone: Preferred activations a0 [-], shape [E, M].
        emg: Factor of the envelopes of EMG, which add to them [-], shape [E, 1].
        capacity: Greatest activation [-], shape [E, M].
        exponent: The exponent p, at least 2, shape [E, 1].
        power: Share of the effort that counts muscles by their power [-], shape [E, 1].
    """

    weight: torch.Tensor
    tone: torch.Tensor
    emg: torch.Tensor
    capacity: torch.Tensor
    exponent: torch.Tensor
    power: torch.Tensor

    def take(self, mask: torch.Tensor, others: "Preferences") -> None:
        """Take those of others where ``mask``, bool, shape [E], is true."""
        for entry in fields(self):
            mine, theirs = getattr(self, entry.name), getattr(others, entry.name)
            setattr(self, entry.name, torch.where(mask.unsqueeze(1), theirs, mine))

    def squares(self, deviation: torch.Tensor, full_power: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return center and weight of the squares that stand for the effort, shape [E, M] each.

        Args:
            deviation: Activation less the preferred one, where the effort is approximated [-]; the center counts alike.
            full_power: Power of each muscle at full activation, of either sign [W].
        """
        size = deviation.abs()
        ratio = (size / size.clamp(min=_LEAST_DEVIATION)) ** (self.exponent - 2.0)
        center = deviation * (1.0 - ratio / (self.exponent - 1.0))
        steepness = (size.clamp(min=_LEAST_DEVIATION) / _USUAL) ** (self.exponent - 2.0)
        weight = self.weight * 0.5 * self.exponent * (self.exponent - 1.0) * steepness
        relative = full_power.square() / full_power.square().mean(1, keepdim=True).clamp(min=1e-12)
        return center, weight * (1.0 - self.power + self.power * relative)
