"""Running statistics that bring discriminator samples to unit size.

Both are averages over every sample recorded so far, over all ranks, and are frozen after ``max_count`` samples. The
defaults are those of MimicKit (github.com/xbpeng/MimicKit).
"""

import torch
from torch import nn

MAX_COUNT = 100_000_000
_CLIP = 10.0
_FLOOR = 1e-4


class MeanAbsoluteNormalizer(nn.Module):
    """Divides samples [N, D] by the mean absolute value: a zero stays zero (ADD, arXiv:2505.04961).

    Attributes:
        scale: Mean absolute value, shape [D]; 1 until something is recorded.
    """

    scale: torch.Tensor
    count: torch.Tensor

    def __init__(self, num_features: int, device: str | torch.device):
        super().__init__()
        self.register_buffer("scale", torch.ones(num_features, device=device))
        self.register_buffer("count", torch.zeros((), dtype=torch.float64, device=device))

    def record(self, samples: torch.Tensor) -> None:
        """Take the samples [N, D] of every rank into the mean."""
        size, count = _mean_over_ranks(samples.abs())
        weight = _weight_of_new(self.count, count)
        self.scale += weight * (size - self.scale)
        self.count += count

    def forward(self, samples: torch.Tensor) -> torch.Tensor:  # noqa: D102
        return samples / self.scale.clamp(min=_FLOOR)


class MeanStdNormalizer(nn.Module):
    """Shifts and scales samples [N, D] to zero mean and unit deviation, then clips.

    Attributes:
        mean: Mean, shape [D].
        variance: Mean squared distance from it, shape [D].
    """

    mean: torch.Tensor
    variance: torch.Tensor
    count: torch.Tensor

    def __init__(self, num_features: int, device: str | torch.device):
        super().__init__()
        self.register_buffer("mean", torch.zeros(num_features, device=device))
        self.register_buffer("variance", torch.ones(num_features, device=device))
        self.register_buffer("count", torch.zeros((), dtype=torch.float64, device=device))

    def record(self, samples: torch.Tensor) -> None:
        """Take the samples [N, D] of every rank into the statistics."""
        mean, count = _mean_over_ranks(samples)
        variance, _ = _mean_over_ranks((samples - mean).square())
        weight = _weight_of_new(self.count, count)
        distance = mean - self.mean
        self.mean += weight * distance
        self.variance += weight * (variance - self.variance + (1.0 - weight) * distance.square())
        self.count += count

    def forward(self, samples: torch.Tensor) -> torch.Tensor:  # noqa: D102
        return ((samples - self.mean) / self.variance.sqrt().clamp(min=_FLOOR)).clamp(-_CLIP, _CLIP)


def _mean_over_ranks(samples: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Column means of the samples [N, D] of all ranks together, shape [D], and their number."""
    total = samples.sum(0)
    count = torch.tensor(float(len(samples)), dtype=torch.float64, device=samples.device)
    if torch.distributed.is_initialized():
        torch.distributed.all_reduce(total)
        torch.distributed.all_reduce(count)
    return total / count, count


def _weight_of_new(old: torch.Tensor, new: torch.Tensor) -> torch.Tensor:
    """Share of the new samples in the mean; zero once `MAX_COUNT` samples are in it."""
    return torch.where(old < MAX_COUNT, new / (old + new), 0.0)
