"""Running statistics that bring discriminator samples to unit size.

Both are averages over every sample recorded so far, over all ranks, and are frozen after ``max_count`` samples. The
defaults are those of MimicKit (github.com/xbpeng/MimicKit).
"""

import torch

MAX_COUNT = 100_000_000


class MeanAbsoluteNormalizer:
    """Divides by the mean absolute value: a zero stays zero (ADD, arXiv:2505.04961).

    Attributes:
        scale: Mean absolute value, shape [D]; 1 until something is recorded.
    """

    def __init__(self, num_features: int, device: str | torch.device, floor: float = 1e-4):
        """Start with a scale of one.

        Args:
            num_features: Number of columns D.
            device: Device of the samples.
            floor: Least divisor.
        """
        self.scale = torch.ones(num_features, device=device)
        self._count = torch.zeros((), dtype=torch.float64, device=device)
        self._floor = floor

    def record(self, samples: torch.Tensor) -> None:
        """Take the samples [N, D] of every rank into the mean."""
        size, count = _mean_over_ranks(samples.abs())
        weight = _weight_of_new(self._count, count)
        self.scale += weight * (size - self.scale)
        self._count += count

    def __call__(self, samples: torch.Tensor) -> torch.Tensor:
        """Scale samples, shape [N, D]."""
        return samples / self.scale.clamp(min=self._floor)

    def state_dict(self) -> dict[str, torch.Tensor]:
        """Return the statistics."""
        return {"scale": self.scale.clone(), "count": self._count.clone()}

    def load_state_dict(self, state: dict[str, torch.Tensor]) -> None:
        """Take the statistics over."""
        self.scale.copy_(state["scale"])
        self._count.copy_(state["count"])


class MeanStdNormalizer:
    """Shifts and scales to zero mean and unit deviation, then clips.

    Attributes:
        mean: Mean, shape [D].
        variance: Mean squared distance from it, shape [D].
    """

    def __init__(self, num_features: int, device: str | torch.device, clip: float = 10.0, floor: float = 1e-4):
        """Start with mean 0 and variance 1.

        Args:
            num_features: Number of columns D.
            device: Device of the samples.
            clip: Greatest absolute value of the result.
            floor: Least divisor.
        """
        self.mean = torch.zeros(num_features, device=device)
        self.variance = torch.ones(num_features, device=device)
        self._count = torch.zeros((), dtype=torch.float64, device=device)
        self._clip = clip
        self._floor = floor

    def record(self, samples: torch.Tensor) -> None:
        """Take the samples [N, D] of every rank into the statistics."""
        mean, count = _mean_over_ranks(samples)
        variance, _ = _mean_over_ranks((samples - mean).square())
        weight = _weight_of_new(self._count, count)
        distance = mean - self.mean
        self.mean += weight * distance
        self.variance += weight * (variance - self.variance + (1.0 - weight) * distance.square())
        self._count += count

    def __call__(self, samples: torch.Tensor) -> torch.Tensor:
        """Normalize samples, shape [N, D]."""
        return ((samples - self.mean) / self.variance.sqrt().clamp(min=self._floor)).clamp(-self._clip, self._clip)

    def state_dict(self) -> dict[str, torch.Tensor]:
        """Return the statistics."""
        return {"mean": self.mean.clone(), "variance": self.variance.clone(), "count": self._count.clone()}

    def load_state_dict(self, state: dict[str, torch.Tensor]) -> None:
        """Take the statistics over."""
        self.mean.copy_(state["mean"])
        self.variance.copy_(state["variance"])
        self._count.copy_(state["count"])


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
