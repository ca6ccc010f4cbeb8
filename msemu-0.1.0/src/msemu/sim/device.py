"""Which device is meant, and whether it is there."""

import torch

from msemu.errors import MsemuError


def pick_device(name: str) -> str:
    """Resolve ``auto`` and check that the device is there.

    Returns:
        ``cpu`` or ``cuda:<index>``.

    Raises:
        MsemuError: The device is unknown or absent.
    """
    if name == "auto":
        return f"cuda:{torch.cuda.current_device()}" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError:
        raise MsemuError(f"unknown device '{name}'; use cpu, cuda or auto") from None
    if device.type not in ("cpu", "cuda"):
        raise MsemuError(f"msemu does not run on '{name}'; use cpu, cuda or auto")
    if device.type == "cpu":
        return "cpu"
    if not torch.cuda.is_available():
        raise MsemuError(f"no CUDA device for '{name}', or torch was built without CUDA; use cpu")
    index = torch.cuda.current_device() if device.index is None else device.index
    if index >= torch.cuda.device_count():
        raise MsemuError(f"there are {torch.cuda.device_count()} CUDA devices, so no '{name}'")
    return f"cuda:{index}"


def require_memory(num_envs: int, bytes_per_env: int, free_bytes: int) -> None:
    """Refuse more environments than fit into the free memory; the error names the greatest number that does."""
    if num_envs * bytes_per_env > free_bytes:
        raise MsemuError(
            f"{num_envs} environments need {num_envs * bytes_per_env / 1e9:.1f} GB of device memory and "
            f"{free_bytes / 1e9:.1f} GB are free; use --num-envs {free_bytes // bytes_per_env} or less"
        )
