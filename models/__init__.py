if not __name__.startswith("msemu."):
    raise ImportError("import msemu.models, not models: this folder is installed below the package msemu")

from msemu.models.body import LANDMARKS, Body
from msemu.models.loader import load_body
from msemu.registry import list_bodies

__all__ = ["LANDMARKS", "Body", "list_bodies", "load_body"]
