"""Checkpoints: files of tensors, numbers and strings, and nothing that runs."""

from pathlib import Path
from typing import Any

import torch

from msemu.errors import MsemuError
from msemu.files import whole_file

FORMAT = "msemu-checkpoint-1"
_POLICY = ("actor_state_dict", "head", "control_steps", "iter", "best_error_cm")
"""What of a checkpoint a policy needs that learns no more."""


def write(path: Path, content: dict[str, Any]) -> None:
    """Write a checkpoint whole or not at all, see `msemu.files.whole_file`.

    Raises:
        MsemuError: The folder cannot be written.
    """
    remedy = "check that the folder may be written to and that the disk has room"
    with whole_file(path, remedy) as unfinished, open(unfinished, "wb") as file:
        torch.save({"format": FORMAT, **content}, file)


def write_policy(path: Path, content: dict[str, Any]) -> None:
    """Write of a checkpoint only what a policy needs that learns no more; see `write`."""
    write(path, {name: content[name] for name in _POLICY})


def read(path: Path, device: str | torch.device) -> dict[str, Any]:
    """Read a checkpoint written by `write`.

    Raises:
        MsemuError: The file is missing, damaged or foreign.
    """
    try:
        content = torch.load(path, weights_only=True, map_location=device)
    except FileNotFoundError:
        raise MsemuError(f"no checkpoint at {path}") from None
    except Exception as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise MsemuError(
            f"{path} is truncated or is not a checkpoint ({reason}); use another one of the run"
        ) from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise MsemuError(f"{path} is not a checkpoint of this msemu release (wanted {FORMAT})")
    return content
