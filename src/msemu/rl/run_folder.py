"""Run folders: ``runs/<task>/<date>_<name>/`` with configuration, clips, provenance, checkpoints and curves.

A folder holds all that its figures depend on but the model of the body, and may be moved and renamed.
"""

import hashlib
import itertools
import re
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Self

import yaml

from msemu.config import build, read_yaml, to_dict
from msemu.errors import MsemuError, require_name
from msemu.files import remove_partial, write_text
from msemu.models import load_body
from msemu.models.body import Body
from msemu.models.recipe import Recipe, recipe_values
from msemu.models.strength.held import Held, held_strength, with_held_strength
from msemu.motion.clip import MotionClip
from msemu.motion.library.task_clips import file_stem
from msemu.muscle.overrides import parameter_file
from msemu.rl.checkpoints.averaging import averaged_policy, since
from msemu.rl.checkpoints.checkpoint import iteration_of, numbered, write_policy
from msemu.rl.earlier_runs import translate
from msemu.rl.own_files import Records, find_files, find_model, keep_files, keep_model
from msemu.rl.progress import note_once
from msemu.rl.provenance import git_state, versions
from msemu.schema import TrainCfg

MOTION = "motion.npz"
"""File of a run's clip, where it is a single one."""

_SET_ASIDE = "set_aside"
"""Where checkpoints go that are younger than the one that a run goes on from."""
_AVERAGE = re.compile(r"average(?::([0-9]{1,9}))?")
_AVERAGE_FILE = re.compile(r"average(_[0-9]{1,9})?\.pt")


def is_average(path: Path) -> bool:
    """Return whether a file of a run folder is the mean of its policies, which `RunFolder.checkpoint` makes."""
    return bool(_AVERAGE_FILE.fullmatch(path.name))


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

        ``body`` is the simulated one.

        Raises:
            MsemuError: The folder cannot be written.
        """
        require_name("the task's id", task)
        require_name("run_name", cfg.run_name)
        stamp = datetime.now().strftime("%Y-%m-%d_%H-%M-%S")
        run = cls(_new_folder(Path(cfg.runs_dir) / task, f"{stamp}_{cfg.run_name}"), task)
        run._save_clips(clips)
        records: Records = {}
        recipe = recipe_values(cfg.body)
        recipe = recipe if cfg.body_path else keep_model(recipe, run.path, records)
        provenance = _provenance(body, clips) | ({"files": records} if records else {})
        run._write(cfg, recipe, held_strength(body), provenance)
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
        require_name(f"{config}: the task's id", task)
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

    @property
    def words(self) -> str:
        """How a command names the run."""
        return str(self.path)

    @property
    def plots(self) -> Path:
        """Where plots about the run go unless the user says otherwise."""
        return self.path / "eval"

    @property
    def holds_clips(self) -> bool:
        """Whether the clips of the run lie in the folder."""
        return (self.path / MOTION).is_file() or (self.path / "motions").is_dir()

    def load_clips(self) -> list[MotionClip]:
        """Read the clips that the run was trained on.

        Raises:
            MsemuError: There is none, or one is damaged.
        """
        several = sorted((self.path / "motions").glob("*.npz"))
        return [MotionClip.load(path) for path in several or [self.path / MOTION]]

    def load_body(self, cfg: TrainCfg) -> Body:
        """Make the body by the recipe and the strength that the run holds; ``cfg.body_path`` says where its model is.

        Raises:
            MsemuError: Another body is asked for, or its model is not installed.
        """
        file = self.path / "config.yaml"
        values = read_yaml(file)
        own = values.get("train", {}).get("body")
        if cfg.body != own:
            raise MsemuError(f"{self.path} is a run of the body '{own}', not of '{cfg.body}'; leave --body out")
        if "recipe" not in values:
            note_once(f"{file}: it does not hold the recipe of its body; that of today's '{cfg.body}' is taken")
            return load_body(cfg.body, cfg.body_path)
        recipe = find_model(values["recipe"], self.path, self._records())
        recipe = {"dependent_limits": True, **recipe}  # as they were before recipes had the key
        body = load_body(cfg.body, cfg.body_path, build(Recipe, recipe, f"{file}: recipe"))
        return with_held_strength(body, cfg.sim.muscle.strength_set, values.get("strength"), f"{file}: strength")

    def load_config(self) -> TrainCfg:
        """Read the resolved configuration; a note on stderr names what a run of an earlier release did not hold.

        Raises:
            MsemuError: The file is damaged, or names what this release does not have.
        """
        file = self.path / "config.yaml"
        content = read_yaml(file)
        values = content.get("train")
        if not isinstance(values, dict):
            raise MsemuError(f"{file} has no values under the key 'train', but {', '.join(map(str, content))[:80]}")
        for note in translate(values, str(file)):
            note_once(f"{file}: {note}")
        values = find_files(values, self.path, self._records())
        return build(TrainCfg, values, str(file))

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

    def note_resumption(self, cfg: TrainCfg, body: Body) -> None:
        """Add the command that goes on with the run to its provenance, and keep the values that it goes on with.

        ``body`` is the simulated one.
        """
        provenance = self._provenance()
        entry = {"iteration": self.next_iteration(), "command": sys.argv, "git": git_state()}
        provenance["resumed"] = [*provenance.get("resumed", []), entry]
        held = read_yaml(self.path / "config.yaml")
        recipe = held.get("recipe") or recipe_values(cfg.body)
        strength = held_strength(body) | (held.get("strength") or {})
        self._write(cfg, recipe, strength, provenance)

    def note_cpu(self, seconds: float) -> None:
        """Add processor time of a training to what the provenance says that the run has taken [s], told in hours."""
        provenance = self._provenance()
        hours = provenance.get("cpu_hours", 0.0) + seconds / 3600.0
        self._write_yaml("provenance.yaml", provenance | {"cpu_hours": round(hours, 4)})

    def note_origin(self, checkpoint: Path) -> None:
        """Add the checkpoint that the first networks are from to the provenance."""
        with open(checkpoint, "rb") as file:
            origin = {
                "checkpoint": str(checkpoint.resolve()),
                "sha256": hashlib.file_digest(file, "sha256").hexdigest(),
            }
        self._write_yaml("provenance.yaml", self._provenance() | {"started_from": origin})

    def checkpoints(self) -> list[Path]:
        """Checkpoints that training can continue from, oldest first."""
        return numbered(self.path)

    def next_iteration(self) -> int:
        """Return the number of the iteration that training would go on with."""
        return 1 + max(map(iteration_of, self.checkpoints()), default=-1)

    def set_aside_after(self, iteration: int) -> list[Path]:
        """Move the checkpoints of later iterations into a folder, so that the run goes on from that one.

        Returns:
            Where they are now.

        Raises:
            MsemuError: The folder cannot be written.
        """
        later = [path for path in self.checkpoints() if iteration_of(path) > iteration]
        if not later:
            return []
        folder = _new_folder(self.path, _SET_ASIDE)
        try:
            for path in later:
                path.replace(folder / path.name)
        except OSError as error:
            raise MsemuError(f"cannot move {path} into {folder}: {error.strerror}") from error
        return [folder / path.name for path in later]

    def checkpoint(self, name: str) -> Path:
        """Path of a checkpoint: ``best`` (least tracking error), ``last`` (to continue from), ``average``, or any.

        Any is named by its path, or by its name in the folder. ``average`` writes the mean of the policies of the last
        three quarters of the training there, ``average:30`` that from iteration 30 on; see `averaged_policy`.

        Raises:
            MsemuError: There is none, or too few to be averaged.
        """
        if of_average := _AVERAGE.fullmatch(name):
            return self._average(of_average[1])
        if name not in ("best", "last"):
            return Path(name) if Path(name).exists() or not (self.path / name).is_file() else self.path / name
        best = self.path / "best.pt"
        if name == "best" and best.is_file():
            return best
        found = self.checkpoints()
        if not found:
            but = " to continue from, only its best one" if best.is_file() else ""
            raise MsemuError(f"{self.path} has no checkpoint{but}")
        return found[-1]

    def _average(self, first: str | None) -> Path:
        found = since(paths, int(first) if first else None) if (paths := self.checkpoints()) else []
        if len(found) < 2:
            kind = f"checkpoints from iteration {first} on" if first else "checkpoints"
            raise MsemuError(
                f"{self.path} lacks {kind} to be averaged; it wants two or more, and --agent.save-interval says how"
                " often a training saves"
            )
        path = self.path / (f"average_{first}.pt" if first else "average.pt")
        write_policy(path, averaged_policy(found))
        return path

    def _save_clips(self, clips: Sequence[MotionClip]) -> None:
        if len(clips) == 1:
            clips[0].save(self.path / MOTION)
            return
        for index, clip in enumerate(clips):
            clip.save(self.path / "motions" / f"{file_stem(index, clip.name)}.npz")

    def _records(self) -> Records:
        """Return what the provenance says about the files of the user's that the run holds."""
        records = self._provenance().get("files")
        return records if isinstance(records, dict) else {}

    def _provenance(self) -> dict[str, Any]:
        file = self.path / "provenance.yaml"
        return read_yaml(file) if file.is_file() else {}

    def _write(self, cfg: TrainCfg, recipe: dict[str, Any], strength: Held, provenance: dict[str, Any]) -> None:
        """Write the files that the configuration names, provenance, and configuration with what makes the body.

        The configuration makes the folder a run, so it comes last: a killed command leaves no half of one.
        """
        # How long this call runs is no property of the run: one that resumes it has a budget of its own.
        muscle = replace(cfg.sim.muscle, parameter_file=parameter_file(cfg.sim.muscle, Path(cfg.body).stem))
        sim = replace(cfg.sim, muscle=muscle)
        lasting = to_dict(replace(cfg, sim=sim, iterations=None, minutes=None, resume=None, init=None, checkpoint=None))
        records: Records = provenance.get("files", {})
        lasting = keep_files(lasting, self.path, records)
        self._write_yaml("provenance.yaml", provenance | ({"files": records} if records else {}))
        values = {"task": self.task, "train": lasting, "recipe": recipe}
        self._write_yaml("config.yaml", values | ({"strength": strength} if strength else {}))

    def _write_yaml(self, name: str, content: dict[str, Any]) -> None:
        write_text(self.path / name, yaml.safe_dump(content, sort_keys=False))


def _new_folder(parent: Path, name: str) -> Path:
    """Make a folder that nothing else has made, with a number after its name where that is taken."""
    path = parent / name
    try:
        parent.mkdir(parents=True, exist_ok=True)
        for number in itertools.count(2):
            try:
                path.mkdir()
                return path
            except FileExistsError:
                path = parent / f"{name}_{number}"
    except OSError as error:
        raise MsemuError(f"cannot write the run folder {path}: {error.strerror}; choose another --runs-dir") from error
    raise AssertionError("the numbers have no end")


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
