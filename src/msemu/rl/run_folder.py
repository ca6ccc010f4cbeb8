"""Run folders: ``runs/<task>/<date>_<name>/`` with configuration, clip, provenance, checkpoints and curves."""

import subprocess
import sys
import tempfile
from dataclasses import dataclass, replace
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import yaml

from msemu import __version__
from msemu.config import TrainCfg, build, read_yaml, to_dict
from msemu.errors import MsemuError
from msemu.models.body import Body
from msemu.motion.clip import MotionClip
from msemu.registry import list_tasks

_PACKAGES = ("torch", "mujoco", "mujoco-warp", "warp-lang", "rsl-rl-lib", "numpy", "musclemimic-models")


@dataclass(frozen=True)
class RunFolder:
    """One training run on disk.

    Attributes:
        path: The folder.
        task: Id of the task.
    """

    path: Path
    task: str

    @classmethod
    def create(cls, task: str, cfg: TrainCfg, body: Body, clip: MotionClip) -> "RunFolder":
        """Make a new folder with the resolved configuration, the clip and the provenance.

        Raises:
            MsemuError: The folder cannot be written.
        """
        stamp = datetime.now().strftime("%Y-%m-%d_%H-%M-%S")
        path = Path(cfg.runs_dir) / task / f"{stamp}_{cfg.run_name}"
        run = cls(path, task)
        try:
            path.mkdir(parents=True)
            # How long this call runs is no property of the run: one that resumes it has a budget of its own.
            lasting = replace(cfg, iterations=None, minutes=None, resume=None)
            run._write_yaml("config.yaml", {"task": task, "train": to_dict(lasting)})
            run._write_yaml("provenance.yaml", _provenance(body, clip))
        except OSError as error:
            raise MsemuError(
                f"cannot write the run folder {path}: {error.strerror}; choose another --runs-dir"
            ) from error
        clip.save(run.clip_path)
        return run

    @classmethod
    def open(cls, path: Path) -> "RunFolder":
        """Open an existing run.

        Raises:
            MsemuError: There is no run in the folder.
        """
        config = Path(path) / "config.yaml"
        if not config.is_file():
            raise MsemuError(f"{path} is not a run folder (it has no config.yaml)")
        task = read_yaml(config).get("task")
        if not isinstance(task, str):
            raise MsemuError(f"{config} does not name its task")
        return cls(Path(path), task)

    @classmethod
    def latest(cls, task: str, runs_dir: Path) -> "RunFolder":
        """Open the newest run of a task that has a checkpoint.

        Raises:
            MsemuError: There is none.
        """
        for path in sorted((Path(runs_dir) / task).glob("*/config.yaml"), reverse=True):
            run = cls(path.parent, task)
            if run.checkpoints():
                return run
        raise MsemuError(f"no run of {task} with a checkpoint below {Path(runs_dir) / task}; train one first")

    @classmethod
    def find(cls, name: str, runs_dir: Path) -> "RunFolder":
        """Open a run by the path of its folder, or the latest run of a task by the task's id.

        Raises:
            MsemuError: There is no such run.
        """
        if Path(name).is_dir():
            return cls.open(Path(name))
        if any(spec.id == name for spec in list_tasks()):
            return cls.latest(name, runs_dir)
        raise MsemuError(f"'{name}' is neither a run folder nor a task; see: msemu-train --list")

    @property
    def clip_path(self) -> Path:
        """The clip that the run was trained on."""
        return self.path / "motion.npz"

    def load_config(self) -> TrainCfg:
        """Read the resolved configuration."""
        values = read_yaml(self.path / "config.yaml")
        return build(TrainCfg, values.get("train", {}), str(self.path / "config.yaml"))

    def require_writable(self) -> None:
        """Find out before training whether it could be saved.

        Raises:
            MsemuError: The folder cannot be written.
        """
        try:
            with tempfile.TemporaryFile(dir=self.path):
                pass
        except OSError as error:
            raise MsemuError(f"cannot write into the run folder {self.path}: {error.strerror}") from error

    def checkpoints(self) -> list[Path]:
        """Checkpoints that training can continue from, oldest first."""
        return sorted(self.path.glob("model_*.pt"), key=lambda path: int(path.stem.removeprefix("model_")))

    def checkpoint(self, name: str) -> Path:
        """Path of a checkpoint.

        Args:
            name: ``best`` (least tracking error), ``last`` (to continue from), or a path.

        Raises:
            MsemuError: There is none.
        """
        if name not in ("best", "last"):
            return Path(name)
        best = self.path / "best.pt"
        if name == "best" and best.is_file():
            return best
        found = self.checkpoints()
        if not found:
            raise MsemuError(f"{self.path} has no checkpoint")
        return found[-1]

    def _write_yaml(self, name: str, content: dict[str, Any]) -> None:
        (self.path / name).write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")


def _provenance(body: Body, clip: MotionClip) -> dict[str, Any]:
    versions = {"msemu": __version__, "python": sys.version.split()[0]}
    for name in _PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return {
        "command": sys.argv,
        "versions": versions,
        "git": _git_state(),
        "body": dict(body.provenance),
        "motion": {"source": clip.source, "licence": clip.licence, "source_sha256": clip.source_sha256},
    }


def _git_state() -> str:
    """Commit of the source tree that msemu runs from, with a mark when it has changes; empty when it is installed."""
    folder = Path(__file__).resolve().parents[3]
    if not (folder / ".git").exists():
        return ""
    try:
        command = ["git", "-C", str(folder), "describe", "--always", "--dirty", "--abbrev=40"]
        return subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""
