"""Run folders: ``runs/<task>/<date>_<name>/`` with configuration, clips, provenance, checkpoints and curves."""

import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Self

import yaml
from rich.console import Console

from msemu.config import build, read_yaml, to_dict
from msemu.errors import MsemuError, suggestion
from msemu.files import remove_partial, write_text
from msemu.models import load_body
from msemu.models.body import Body
from msemu.models.recipe import Recipe, recipe_values
from msemu.motion.clip import MotionClip
from msemu.motion.library.task_clips import file_stem
from msemu.muscle.overrides import read_overrides
from msemu.registry import list_tasks
from msemu.rl.earlier_runs import translate
from msemu.rl.provenance import git_state, versions
from msemu.schema import TrainCfg

PARAMETERS = Path("muscle_parameters.yaml")
"""Values of the muscles that the user gave, in the folder."""


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
    def create(cls, task: str, cfg: TrainCfg, body: Body, clips: Sequence[MotionClip]) -> "RunFolder":
        """Make a new folder with the resolved configuration, the clips and the provenance.

        Raises:
            MsemuError: The folder cannot be written.
        """
        stamp = datetime.now().strftime("%Y-%m-%d_%H-%M-%S")
        path = Path(cfg.runs_dir) / task / f"{stamp}_{cfg.run_name}"
        run = cls(path, task)
        try:
            path.mkdir(parents=True)
        except OSError as error:
            raise MsemuError(
                f"cannot write the run folder {path}: {error.strerror}; choose another --runs-dir"
            ) from error
        run._save_clips(clips)
        run._write_yaml("provenance.yaml", _provenance(body, clips))
        # This file makes the folder a run, so it comes last: a killed command leaves no half of one.
        run._write_config(cfg, recipe_values(cfg.body))
        return run

    @classmethod
    def open(cls, path: Path) -> Self:
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
        tasks = [spec.id for spec in list_tasks()]
        if name in tasks:
            return cls.latest(name, runs_dir)
        hint = suggestion(name, tasks, "see: msemu-train --list")
        raise MsemuError(f"'{name}' is neither a run folder nor a task{hint}")

    @property
    def plots(self) -> Path:
        """Where plots about the run go unless the user says otherwise."""
        return self.path / "eval"

    def load_clips(self) -> list[MotionClip]:
        """Read the clips that the run was trained on.

        Raises:
            MsemuError: There is none, or one is damaged.
        """
        several = sorted((self.path / "motions").glob("*.npz"))
        return [MotionClip.load(path) for path in several or [self.path / "motion.npz"]]

    def load_body(self, cfg: TrainCfg) -> Body:
        """Make the body by the recipe that the run holds; ``cfg.body_path`` says where its model is now.

        Raises:
            MsemuError: Another body is asked for, or its model is not installed.
        """
        file = self.path / "config.yaml"
        values = read_yaml(file)
        own = values.get("train", {}).get("body")
        if cfg.body != own:
            raise MsemuError(f"{self.path} is a run of the body '{own}', not of '{cfg.body}'; leave --body out")
        if "recipe" not in values:
            _tell(f"note: {file}: it does not hold the recipe of its body; that of today's '{cfg.body}' is taken")
            return load_body(cfg.body, cfg.body_path)
        return load_body(cfg.body, cfg.body_path, build(Recipe, values["recipe"], f"{file}: recipe"))

    def load_config(self) -> TrainCfg:
        """Read the resolved configuration; a note on stderr names what a run of an earlier release did not hold.

        Raises:
            MsemuError: The file is damaged, or names what this release does not have.
        """
        file = self.path / "config.yaml"
        values = read_yaml(file).get("train", {})
        for note in translate(values, str(file)):
            _tell(f"note: {file}: {note}")
        cfg = build(TrainCfg, values, str(file))
        if cfg.sim.muscle.parameter_file == PARAMETERS:
            cfg.sim.muscle = cfg.sim.muscle.relative_to(self.path)
        return cfg

    def prepare(self) -> None:
        """Find out before training whether it could be saved, and tidy up after a run that was killed.

        Raises:
            MsemuError: The folder cannot be written.
        """
        try:
            with tempfile.TemporaryFile(dir=self.path):
                pass
            remove_partial(self.path)
        except OSError as error:
            raise MsemuError(f"cannot write into the run folder {self.path}: {error.strerror}") from error

    def note_resumption(self, cfg: TrainCfg) -> None:
        """Add the command that goes on with the run to its provenance, and keep the values that it goes on with."""
        provenance = read_yaml(self.path / "provenance.yaml")
        entry = {"iteration": self.next_iteration(), "command": sys.argv, "git": git_state()}
        provenance["resumed"] = [*provenance.get("resumed", []), entry]
        self._write_yaml("provenance.yaml", provenance)
        self._write_config(cfg, read_yaml(self.path / "config.yaml").get("recipe") or recipe_values(cfg.body))

    def checkpoints(self) -> list[Path]:
        """Checkpoints that training can continue from, oldest first."""
        return sorted(self.path.glob("model_*.pt"), key=_iteration)

    def next_iteration(self) -> int:
        """Return the number of the iteration that training would go on with."""
        return 1 + max((_iteration(path) for path in self.checkpoints()), default=-1)

    def checkpoint(self, name: str) -> Path:
        """Path of a checkpoint: ``best`` (least tracking error), ``last`` (to continue from), or any by its path."""
        if name not in ("best", "last"):
            return Path(name)
        best = self.path / "best.pt"
        if name == "best" and best.is_file():
            return best
        found = self.checkpoints()
        if not found:
            but = " to continue from, only its best one" if best.is_file() else ""
            raise MsemuError(f"{self.path} has no checkpoint{but}")
        return found[-1]

    def _save_clips(self, clips: Sequence[MotionClip]) -> None:
        if len(clips) == 1:
            clips[0].save(self.path / "motion.npz")
            return
        for index, clip in enumerate(clips):
            clip.save(self.path / "motions" / f"{file_stem(index, clip.name)}.npz")

    def _write_config(self, cfg: TrainCfg, recipe: dict[str, Any]) -> None:
        # How long this call runs is no property of the run: one that resumes it has a budget of its own.
        lasting = to_dict(replace(cfg, iterations=None, minutes=None, resume=None))
        if cfg.sim.muscle.parameter_file:
            self._write_yaml(PARAMETERS.name, read_overrides(cfg.sim.muscle.parameter_file))
            lasting["sim"]["muscle"]["parameter_file"] = PARAMETERS.name
        self._write_yaml("config.yaml", {"task": self.task, "train": lasting, "recipe": recipe})

    def _write_yaml(self, name: str, content: dict[str, Any]) -> None:
        write_text(self.path / name, yaml.safe_dump(content, sort_keys=False))


@cache
def _tell(line: str) -> None:
    """Say a line on stderr, once."""
    Console(stderr=True).print(line, highlight=False, soft_wrap=True, markup=False)


def _iteration(checkpoint_path: Path) -> int:
    return int(checkpoint_path.stem.removeprefix("model_"))


def _provenance(body: Body, clips: Sequence[MotionClip]) -> dict[str, Any]:
    motions = [
        {"name": clip.name, "source": clip.source, "license": clip.license, "source_sha256": clip.source_sha256}
        for clip in clips
    ]
    return {
        "command": sys.argv,
        "versions": versions(),
        "git": git_state(),
        "body": dict(body.provenance),
        "motion": motions[0] if len(motions) == 1 else motions,
    }
