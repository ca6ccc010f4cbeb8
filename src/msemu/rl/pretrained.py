"""Trained policies that come with msemu."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from rich.console import Console

from msemu import models
from msemu.config import build, read_yaml, to_dict
from msemu.errors import MsemuError, suggestion
from msemu.files import spare, write_bytes, write_text
from msemu.motion.clip import MotionClip
from msemu.motion.library.catalogue import Entry, find_entries
from msemu.motion.library.obtain import obtain_clip
from msemu.motion.library.task_clips import motions_of
from msemu.registry import list_tasks
from msemu.rl.checkpoints.checkpoint import read, write_policy
from msemu.rl.own_files import own_files
from msemu.rl.progress import note_once
from msemu.rl.run_folder import MOTION, RunFolder, is_average
from msemu.schema import TrainCfg

FOLDER = models.PRETRAINED
"""One run folder for each task, and for each variant of its policy: a checkpoint, configuration and provenance."""


class PretrainedRun(RunFolder):
    """A run folder without recorded clips: it holds their entries of the catalogue, by which they are obtained again.

    What ``msemu-track`` has found for one lies in it.
    """

    @classmethod
    def of(cls, name: str) -> "PretrainedRun":
        """Open the policy of a task, or a variant of it: ``<task>-<variant>``.

        Raises:
            MsemuError: There is none; the message lists those that there are.
        """
        if name not in (known := shipped()):
            raise MsemuError(f"no pretrained policy of '{name}' comes with msemu{suggestion(name, known)}")
        return cls.open(FOLDER / name)

    @property
    def words(self) -> str:
        """How a command names the policy."""
        return f"{self.path.name} --pretrained" if self.path.parent == FOLDER else super().words

    @property
    def plots(self) -> Path:
        """A folder of the user's: the policy's own may be a part of an installation."""
        return Path("eval") / self.path.name

    def load_clips(self) -> list[MotionClip]:
        """Obtain the clips that the policy was trained on.

        Raises:
            MsemuError: One cannot be obtained.
        """
        if self.holds_clips:
            return super().load_clips()
        cfg, values = self.load_config(), read_yaml(self.path / "config.yaml")
        body, fps = self.load_body(cfg), cfg.env.control_frequency_hz
        entries = [build(Entry, clip, f"{self.path}: clips") for clip in values["clips"]]
        with Console(stderr=True).status(f"motion {cfg.motion} on {body.name}"):
            return [MotionClip.load(obtain_clip(entry, body, fps, kind=cfg.repair)) for entry in entries]


def shipped() -> list[str]:
    """Names of the policies that come with msemu."""
    return sorted(path.parent.name for path in FOLDER.glob("*/config.yaml"))


def names_run(name: str, runs_dir: Path) -> bool:
    """Say whether a name is one that `find_run` knows, whatever it finds there."""
    known = (*shipped(), *(spec.id for spec in list_tasks()))
    return Path(name).is_dir() or name in known or bool(name and (runs_dir / name).is_dir())


def find_run(name: str, runs_dir: Path, pretrained: bool = False) -> RunFolder:
    """Open, to look at it, the run that a command names.

    A folder is itself the run, also one of a policy that comes with msemu. Any other name is first that of a task, for
    its latest run below ``runs_dir``, and then that of a policy that comes with msemu; with ``pretrained`` only this.
    From then on the command writes over none of the files that the run is made of; means of its policies are made anew.

    Raises:
        MsemuError: There is neither.
    """
    run = PretrainedRun.of(name) if pretrained else _found(name, runs_dir)
    files = (path for kind in ("yaml", "npz", "pt") for path in run.path.rglob(f"*.{kind}"))
    spare(path for path in files if not is_average(path))
    spare(run.path / name for name in own_files(run.path))
    return run


def _found(name: str, runs_dir: Path) -> RunFolder:
    path = Path(name)
    if path.is_dir():
        is_published = "clips" in read_yaml(path / "config.yaml") if (path / "config.yaml").is_file() else False
        return (PretrainedRun if is_published else RunFolder).open(path)
    tasks = [spec.id for spec in list_tasks()]
    if name not in shipped():
        if names_run(name, runs_dir):
            return RunFolder.latest(name, runs_dir)
        hint = suggestion(name, sorted({*tasks, *shipped()}), "see: msemu-train --list")
        raise MsemuError(f"'{name}' is neither a run folder nor a task nor a policy that comes with msemu{hint}")
    try:
        return RunFolder.latest(name, runs_dir)
    except MsemuError:
        if name in tasks:
            note_once(f"no run of {name} with a checkpoint below {runs_dir}: the policy that comes with msemu is taken")
        return PretrainedRun.of(name)


def publish(
    run: RunFolder, checkpoint: str, folder: Path = FOLDER, cpu_hours: float | None = None, variant: str = ""
) -> Path:
    """Copy what is needed to use a policy, without optimizer, clips and the paths of this machine, and return where to.

    What ``msemu-track`` has found is copied, as it cannot be obtained elsewhere.

    Its provenance says which policy of the run it is, and what processor time it took in all, its own training's unless
    told otherwise [h]. A policy that stands beside the one of its task has the name of a ``variant``.

    Raises:
        MsemuError: A clip is a file of the user's, which msemu cannot obtain elsewhere.
    """
    own = folder / "-".join(filter(None, (run.task, variant)))
    write_policy(own / "best.pt", read(run.checkpoint(checkpoint), "cpu"))
    config = read_yaml(run.path / "config.yaml")
    found = next((clip for clip in run.load_clips() if clip.simulated), None)
    names = [found.simulated.followed] if found and found.simulated else motions_of(run.load_config())
    config["clips"] = [to_dict(entry) for entry in find_entries(names)]
    (own / MOTION).unlink(missing_ok=True)  # of a policy that was published there before
    if found:
        config["train"]["motion"] = names[0]
        found.save(own / MOTION)
    config["train"]["runs_dir"] = TrainCfg.runs_dir
    learner = config["train"]["agent"]["algorithm"]
    of_teachers = np.atleast_1d(learner.get("checkpoint", "")).tolist()
    learner |= {key: value for key, value in {"teacher": None, "checkpoint": "best"}.items() if key in learner}
    for name in own_files(run.path):
        if name not in of_teachers:
            write_bytes(own / name, (run.path / name).read_bytes())
    write_text(own / "config.yaml", yaml.safe_dump(config, sort_keys=False))
    provenance = read_yaml(run.path / "provenance.yaml")
    for name in of_teachers:
        provenance.get("files", {}).pop(name, None)
    for entry in provenance.get("files", {}).values():
        entry["source"] = Path(entry["source"]).name
    provenance = _without_folders(provenance)
    for entry in (provenance, *provenance.get("resumed", [])):
        program, *arguments = entry["command"]
        entry["command"] = " ".join((Path(program).name, *arguments))
    provenance["policy"] = Path(checkpoint).name
    if cpu_hours is not None:
        provenance["cpu_hours"] = round(cpu_hours, 2)
    write_text(own / "provenance.yaml", yaml.safe_dump(provenance, sort_keys=False))
    return own


def _without_folders(value: Any) -> Any:
    """Return values with nothing left of a path of this machine but the name, at any depth and behind an option's =."""
    if isinstance(value, dict):
        return {key: _without_folders(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_without_folders(each) for each in value]
    if not isinstance(value, str):
        return value
    option, equals, path = value.rpartition("=")
    return option + equals + Path(path).name if os.path.isabs(path) else value
