"""Catalogue clips on a body: fetched, retargeted and kept in the cache."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TypeVar

import numpy as np

from msemu.errors import MsemuError
from msemu.models.body import Body
from msemu.motion.clip import MotionClip
from msemu.motion.formats.axes import AS_STATED, ReadOptions
from msemu.motion.formats.read import read_source
from msemu.motion.library.catalogue import WRITABLE_CACHE, Entry, cache_folder, catalogue
from msemu.motion.library.fetch import fetch
from msemu.motion.repair.repair import REPAIR_VERSION, STANCE_VERSION, repair
from msemu.motion.retargeting.retarget import RETARGET_VERSION, RetargetCfg, retarget
from msemu.motion.retargeting.treadmill import overground
from msemu.motion.source import SourceMotion
from msemu.schema import RepairKind


def obtain_clip(
    entry: Entry,
    body: Body,
    fps: float = 50.0,
    on_frame: Callable[[int, int], None] = lambda done, total: None,
    kind: RepairKind = "flight",
) -> Path:
    """Return the path of a catalogue clip on ``body``; fetch, retarget and repair it when it is not in the cache.

    Its flights are made free flights, or all of it a movement that the floor can carry, by the ``kind`` of repair
    (`msemu.motion.repair.repair`); the clip before that lies beside it, as ``.raw.npz``. The file's name carries a hash
    of everything the clip depends on: the source, the body, the settings and the versions of retargeting and repair.
    ``on_frame`` gets the number of frames done and in all while retargeting.

    Raises:
        MsemuError: The clip cannot be obtained.
    """
    settings = RetargetCfg(fps=fps, cyclic=entry.cyclic)
    key = {
        "source": entry.sha256,
        "body": body_fingerprint(body),
        "settings": asdict(settings),
        "version": RETARGET_VERSION,
        "repair": REPAIR_VERSION,
    }
    key |= {"treadmill": True} if entry.treadmill else {}
    key |= {"stance": STANCE_VERSION} if kind == "contact" else {}
    digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:12]
    path = cache_folder() / "retargeted" / f"{entry.name}_{body.name}_{digest}.npz"
    if is_readable(path):
        return path
    made = repair(body, retarget(body, load_source(entry), settings, on_frame), kind=kind)
    if made.clip is not made.original:
        made.original.save(path.with_suffix(".raw.npz"), WRITABLE_CACHE)
    made.clip.save(path, WRITABLE_CACHE)
    return path


def before_repair(path: Path, clip: MotionClip) -> MotionClip | None:
    """Return what a clip was before its repair, where that lies beside its file and has the same frames."""
    original = path.with_suffix(".raw.npz")
    raw = MotionClip.load(original) if original.is_file() else None
    return raw if raw and (raw.num_frames, raw.cyclic) == (clip.num_frames, clip.cyclic) else None


def load_source(entry: Entry, options: ReadOptions = AS_STATED) -> SourceMotion:
    """Return the source motion of a catalogue clip; fetch it when needed."""
    source = describe(read_source(fetch(entry), options))
    source.name = entry.name
    return overground(source) if entry.treadmill else source


Motion = TypeVar("Motion", SourceMotion, MotionClip)


def describe(motion: Motion) -> Motion:
    """Fill in license and origin when the file is one of the catalogue, whatever it is called.

    What was done with it stays.
    """
    sha256 = motion.sha256 if isinstance(motion, SourceMotion) else motion.source_sha256
    for entry in catalogue().values():
        if entry.sha256 == sha256:
            package = entry.package
            done: list[str] = motion.source.split("; ")[1:]
            motion.source = "; ".join([f"{package.package} {package.version}: {entry.file}", package.origin, *done])
            motion.license = package.license
    return motion


def body_fingerprint(body: Body) -> str:
    """Return a hash of what the retargeting takes from a body: kinematics, limits, couplings, landmarks."""
    model = body.model
    digest = hashlib.sha256("\n".join((body.name, *body.joint_names)).encode())
    for values in (
        body.neutral_qpos,
        body.independent_joints,
        body.couplings.coefficients,
        body.landmark_bodies,
        body.landmark_positions,
        body.landmark_quaternions,
        model.body_pos,
        model.body_quat,
        model.jnt_pos,
        model.jnt_axis,
        model.jnt_range,
        *(model.geom_size[geoms] for geoms in body.contact_regions.values()),
        *(model.geom_pos[geoms] for geoms in body.contact_regions.values()),
    ):
        digest.update(np.ascontiguousarray(np.round(np.asarray(values, dtype=float), 9)).tobytes())
    return digest.hexdigest()


def is_readable(path: Path) -> bool:
    """Whether a clip of the cache is there and whole; a damaged one is made again."""
    if not path.is_file():
        return False
    try:
        MotionClip.load(path)
    except MsemuError:
        return False
    return True
