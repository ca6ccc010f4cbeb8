"""Trained policies that come with msemu."""

import os
from pathlib import Path

import yaml
from rich.console import Console

from msemu import models
from msemu.config import read_yaml
from msemu.errors import MsemuError, suggestion
from msemu.files import write_text
from msemu.models import load_body
from msemu.motion.clip import MotionClip
from msemu.motion.library.task_clips import load_clips
from msemu.rl.checkpoint import read, write_policy
from msemu.rl.run_folder import RunFolder

FOLDER = Path(models.__file__).parent / "pretrained"
"""One run folder for each task: the best checkpoint, configuration and provenance."""


class PretrainedRun(RunFolder):
    """A run folder without clips: they are fetched and retargeted again, as for training."""

    @classmethod
    def of(cls, task: str) -> "PretrainedRun":
        """Open the policy of a task.

        Raises:
            MsemuError: There is none; the message lists those that there are.
        """
        known = sorted(path.parent.name for path in FOLDER.glob("*/config.yaml"))
        if task not in known:
            raise MsemuError(f"no pretrained policy of '{task}' comes with msemu{suggestion(task, known)}")
        return cls.open(FOLDER / task)

    @property
    def plots(self) -> Path:
        """A folder of the user's: the policy's own may be a part of an installation."""
        return Path("eval") / self.task

    def load_clips(self) -> list[MotionClip]:
        """Obtain the clips that the policy was trained on.

        Raises:
            MsemuError: One cannot be obtained.
        """
        cfg = self.load_config()
        body = load_body(cfg.body, cfg.body_path)
        with Console(stderr=True).status(f"motion {cfg.motion} on {body.name}"):
            return load_clips(cfg, body)


def find_run(name: str, runs_dir: Path, pretrained: bool) -> RunFolder:
    """Open the policy of a task that comes with msemu, or a run as `RunFolder.find` does.

    Raises:
        MsemuError: There is no such policy or run.
    """
    return PretrainedRun.of(name) if pretrained else RunFolder.find(name, runs_dir)


def publish(run: RunFolder, checkpoint: str, folder: Path = FOLDER) -> Path:
    """Copy what is needed to use a policy, without optimizer, clips and the paths of this machine.

    Args:
        run: Where it was trained.
        checkpoint: ``best``, ``last`` or the path of one.
        folder: Where the policies of all tasks lie.

    Returns:
        The policy's own folder.
    """
    own = folder / run.task
    write_policy(own / "best.pt", read(run.checkpoint(checkpoint), "cpu"))
    write_text(own / "config.yaml", (run.path / "config.yaml").read_text(encoding="utf-8"))
    provenance = read_yaml(run.path / "provenance.yaml")
    for entry in (provenance, *provenance.get("resumed", [])):
        program, *arguments = entry["command"]
        words = [Path(program).name, *(Path(word).name if os.path.isabs(word) else word for word in arguments)]
        entry["command"] = " ".join(words)
    write_text(own / "provenance.yaml", yaml.safe_dump(provenance, sort_keys=False))
    return own
