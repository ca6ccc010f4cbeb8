"""Where this process stands among those that learn one discriminator."""

import torch


def is_rank_zero() -> bool:
    """Whether this process is the one that writes the checkpoints."""
    return not torch.distributed.is_initialized() or torch.distributed.get_rank() == 0


def min_over_ranks(number: int, device: torch.device) -> int:
    """Least of the numbers of all ranks; each must ask."""
    if not torch.distributed.is_initialized():
        return number
    least = torch.tensor(number, device=device)
    torch.distributed.all_reduce(least, op=torch.distributed.ReduceOp.MIN)
    return int(least)
