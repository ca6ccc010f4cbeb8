"""The bodies; what needs MuJoCo is imported when it is asked for, which a list of tasks does not."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

if not __name__.startswith("msemu."):
    raise ImportError("import msemu.models, not models: this folder is installed below the package msemu")

from msemu.registry import list_bodies

if TYPE_CHECKING:
    from msemu.models.anatomy.landmarks import LANDMARKS
    from msemu.models.body import Body
    from msemu.models.loader import load_body

__all__ = ["LANDMARKS", "Body", "list_bodies", "load_body"]

PRETRAINED = Path(__file__).parent / "pretrained"
"""Trained policies that come with msemu: one run folder for each task."""


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from msemu.models import body, loader
    from msemu.models.anatomy import landmarks

    return getattr({"LANDMARKS": landmarks, "load_body": loader}.get(name, body), name)
