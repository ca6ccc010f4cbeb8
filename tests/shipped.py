"""The policies that come with msemu, and which of them can be played here."""

import os

from msemu.config import read_yaml
from msemu.rl.pretrained import FOLDER, shipped

SHIPPED = shipped()


def _is_here(task: str) -> bool:
    body = read_yaml(FOLDER / task / "config.yaml")["train"]["body"]
    return body != "ms_human_700" or bool(os.environ.get("MSEMU_MS_HUMAN_700"))


PLAYABLE = [task for task in SHIPPED if _is_here(task)]
"""Those whose body is installed."""
