"""Whether the environments fit into a device's memory."""

from msemu.errors import MsemuError


def require_memory(num_envs: int, bytes_per_env: int, free_bytes: int) -> None:
    """Check that the environments fit.

    Args:
        num_envs: Number of environments.
        bytes_per_env: Memory of one.
        free_bytes: Memory of the device that is free.

    Raises:
        MsemuError: They do not; the message names the greatest number that does.
    """
    if num_envs * bytes_per_env > free_bytes:
        raise MsemuError(
            f"{num_envs} environments need {num_envs * bytes_per_env / 1e9:.1f} GB of device memory and "
            f"{free_bytes / 1e9:.1f} GB are free; use --num-envs {free_bytes // bytes_per_env} or less"
        )
