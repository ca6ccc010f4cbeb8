"""Checkpoints: files of tensors, numbers and strings, and nothing that runs."""

import os
import tempfile
from pathlib import Path
from typing import Any

import torch

from msemu.errors import MsemuError

FORMAT = "msemu-checkpoint-1"
_POLICY = ("actor_state_dict", "head", "control_steps", "iter", "best_error_cm")
"""What of a checkpoint a policy needs that learns no more."""
_PARTIAL = ".partial"


def write(path: Path, content: dict[str, Any]) -> None:
    """Write a checkpoint so that ``path`` holds either the old or the new file, whenever the process or machine ends.

    Raises:
        MsemuError: The folder cannot be written.
    """
    path = Path(path)
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=_PARTIAL)
        try:
            with os.fdopen(handle, "wb") as file:
                torch.save({"format": FORMAT, **content}, file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
            _flush_folder(path.parent)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise MsemuError(f"cannot write the checkpoint {path}: {error.strerror}") from error


def write_policy(path: Path, content: dict[str, Any]) -> None:
    """Write of a checkpoint only what a policy needs that learns no more; see `write`."""
    write(path, {name: content[name] for name in _POLICY})


def remove_partial(folder: Path) -> None:
    """Remove what a process that was killed while it wrote a checkpoint left behind in ``folder``."""
    for path in Path(folder).glob(f".*{_PARTIAL}"):
        path.unlink(missing_ok=True)


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


def _flush_folder(folder: Path) -> None:
    """Make a renaming last through a power failure."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
