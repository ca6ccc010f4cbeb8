"""Conditional flow matching (arXiv:2210.02747): teaching a velocity field where points shall go."""

import torch


def point_between(source: torch.Tensor, target: torch.Tensor, time: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return a point on the straight path from source to target, and the velocity there.

    Args:
        source: Where the path begins at time 0, shape [N, A].
        target: Where it ends at time 1, shape [N, A].
        time: Shape [N, 1].

    Returns:
        Point ``(1 - t) x_0 + t x_1`` and velocity ``x_1 - x_0``, each [N, A].
    """
    return torch.lerp(source, target, time), target - source


def flow_matching_loss(velocity: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Mean squared error of a velocity per action, so that one weight serves 80 and 700 muscles.

    Args:
        velocity: Of the field, shape [N, A].
        target: Of the paths, shape [N, A].
    """
    return (velocity - target).square().mean()
