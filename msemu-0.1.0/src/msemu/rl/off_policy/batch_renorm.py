"""Batch renormalization (arXiv:1702.03275)."""

import torch
from torch import nn


class BatchRenorm(nn.Module):
    """Batch normalization whose training and evaluation agree.

    In training a column is normalized by mean and deviation of the batch, then corrected towards the running ones by a
    bounded factor and offset that pass no gradient:

    ``r = clip(std_B / std, 1 / r_max, r_max)``, ``d = clip((mean_B - mean) / std, -d_max, d_max)``,
    ``y = (x - mean_B) / std_B * r + d``.

    With ``r_max = 1`` and ``d_max = 0`` this is batch normalization. In evaluation the running statistics count alone.
    A batch that is not finite leaves them as they are.

    Attributes:
        mean: Running mean, shape [C].
        variance: Running variance, shape [C].
        count: Batches seen.
        weight: Learned factor, shape [C].
        bias: Learned offset, shape [C].
    """

    mean: torch.Tensor
    variance: torch.Tensor
    count: torch.Tensor

    def __init__(self, num_features: int, r_max: float, d_max: float, warm_up: int, momentum: float, eps: float):
        """Start with mean 0 and variance 1.

        Args:
            num_features: Columns C.
            r_max: Greatest factor of the correction.
            d_max: Greatest offset of the correction.
            warm_up: Batches before the correction counts; until then this is batch normalization.
            momentum: Share of a batch in the running statistics. The first ``1 / momentum`` batches count alike, so
                that nothing is left of the initial values.
            eps: Added to the variances.
        """
        super().__init__()
        self._r_max, self._d_max, self._warm_up, self._momentum, self._eps = r_max, d_max, warm_up, momentum, eps
        self.register_buffer("mean", torch.zeros(num_features))
        self.register_buffer("variance", torch.ones(num_features))
        self.register_buffer("count", torch.tensor(0.0))
        self.weight = nn.Parameter(torch.ones(num_features))
        self.bias = nn.Parameter(torch.zeros(num_features))

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """Normalize rows, shape [N, C]."""
        if not self.training:
            return torch.addcmul(self.offset, rows, self.factor)
        variance, mean = torch.var_mean(rows, dim=0, correction=0)
        std = (variance + self._eps).sqrt()
        with torch.no_grad():
            running_std = (self.variance + self._eps).sqrt()
            warm = self.count >= self._warm_up
            r = torch.where(warm, (std / running_std).clamp(1.0 / self._r_max, self._r_max), 1.0)
            d = torch.where(warm, ((mean - self.mean) / running_std).clamp(-self._d_max, self._d_max), 0.0)
            self._remember(mean, variance)
        return ((rows - mean) / std * r + d) * self.weight + self.bias

    @property
    def factor(self) -> torch.Tensor:
        """In evaluation a row becomes ``factor * row + offset``, shape [C]."""
        return self.weight / (self.variance + self._eps).sqrt()

    @property
    def offset(self) -> torch.Tensor:
        """See `factor`, shape [C]."""
        return self.bias - self.factor * self.mean

    def _remember(self, mean: torch.Tensor, variance: torch.Tensor) -> None:
        finite = (mean.isfinite() & variance.isfinite()).all()
        self.count += finite
        share = self.count.clamp(min=1.0).reciprocal().clamp(min=self._momentum)
        self.mean.copy_(torch.where(finite, torch.lerp(self.mean, mean, share), self.mean))
        self.variance.copy_(torch.where(finite, torch.lerp(self.variance, variance, share), self.variance))
