"""The clips of a task: by name, by the name of a set, or from files."""

import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from msemu.errors import MsemuError, suggestion
from msemu.files import array_names
from msemu.models.body import Body
from msemu.motion.clip import MotionClip
from msemu.motion.formats.read import CLIP_FORMATS, detect_format, read_clip
from msemu.motion.library.catalogue import find_entries, find_entry
from msemu.motion.library.obtain import before_repair, describe, obtain_clip
from msemu.motion.reference import clip_names
from msemu.motion.rollout import Rollout
from msemu.schema import TaskCfg

OnFrame = Callable[[int, int], None]


def load_clips(cfg: TaskCfg, body: Body, on_frame: OnFrame = lambda done, total: None) -> list[MotionClip]:
    """Read the clips of a task; a catalogue motion is obtained by `obtain_clip` when it is not in the cache.

    A motion may be the name of a clip or of a set of clips of the catalogue, a clip file, a rollout, a file of joint
    angles for this body (msgym, .mot, poses), or ``$NAME``: the file that the environment variable ``NAME`` names.

    Raises:
        MsemuError: No motion is named, or one cannot be had.
    """
    fps = cfg.env.control_frequency_hz
    clips = []
    for motion in motions_of(cfg):
        path = Path(motion)
        if path.is_file() and detect_format(path) in CLIP_FORMATS:
            clips.append(describe(read_clip(path, body, fps)))
        elif "excitation" in array_names(path):
            clips.append(Rollout.load(path).clip())
        elif _is_file_name(motion):
            clips.append(MotionClip.load(path))
        else:
            clips.append(MotionClip.load(obtain_clip(find_entry(motion), body, fps, on_frame, cfg.repair)))
    return clips


def motions_of(cfg: TaskCfg) -> list[str]:
    """Return the motions of a task, one for each clip: names of the catalogue and paths of files.

    Raises:
        MsemuError: None is named, or a name is unknown.
    """
    named = (cfg.motion,) if isinstance(cfg.motion, str) else cfg.motion
    if not any(named):
        raise MsemuError("this task needs a motion: --motion clip.npz (see: msemu-motion --help)")
    motions = []
    for name in named:
        motion = _named_by_variable(name) if name.startswith("$") else name
        motions += [motion] if _is_file_name(motion) else [entry.name for entry in find_entries([motion])]
    return motions


def load_clip(cfg: TaskCfg, body: Body, on_frame: OnFrame = lambda done, total: None) -> MotionClip:
    """Read the only clip of a task.

    Raises:
        MsemuError: As `load_clips`, or there are several.
    """
    motions = motions_of(cfg)
    if len(motions) > 1:
        raise MsemuError(f"one clip is wanted here and the motion has {len(motions)}; name one with --motion")
    return load_clips(cfg, body, on_frame)[0]


def original_clip(cfg: TaskCfg, body: Body, clip: MotionClip) -> MotionClip | None:
    """Return what the only clip of a task was before its repair; None where that is not known frame by frame."""
    (motion,) = motions_of(cfg)
    if _is_file_name(motion):
        return before_repair(Path(motion), clip)
    return before_repair(obtain_clip(find_entry(motion), body, cfg.env.control_frequency_hz, kind=cfg.repair), clip)


def find_clip(clips: Sequence[MotionClip], name: str | None) -> tuple[int, MotionClip]:
    """Return index and clip of a name (see `msemu.motion.reference.clip_names`); by default of the first one."""
    names = clip_names(clips)
    if name is not None and name not in names:
        raise MsemuError(f"there is no clip '{name}' here{suggestion(name, names)}")
    index = 0 if name is None else names.index(name)
    return index, clips[index]


def file_stem(index: int, name: str) -> str:
    """Return a name for files about one of several clips; the clip's own name may hold anything."""
    return f"{index:04d}_{re.sub('[^A-Za-z0-9_-]', '_', name)[:40]}"


def _named_by_variable(motion: str) -> str:
    variable = motion.removeprefix("$")
    if variable not in os.environ:
        raise MsemuError(
            f"this task's motion is the file that the environment variable {variable} names; set it, or give --motion"
        )
    return os.environ[variable]


def _is_file_name(motion: str) -> bool:
    return motion.endswith(".npz") or Path(motion).is_file()
