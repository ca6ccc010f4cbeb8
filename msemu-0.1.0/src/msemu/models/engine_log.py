"""Where MuJoCo writes its warnings, which by itself leaves a file in whatever folder the user happens to be in."""

from pathlib import Path

import mujoco

_NAME = "MUJOCO_LOG.TXT"


def log_to(folder: Path | None) -> None:
    """Let MuJoCo add its warnings to a file in the folder, or to none."""
    config = mujoco.MjLogConfig.get()
    config.logto_file = folder is not None
    config.logfile = str(folder.resolve() / _NAME) if folder else _NAME
    config.set()
