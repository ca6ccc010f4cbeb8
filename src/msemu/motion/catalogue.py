"""The catalogue of clips that msemu can obtain: values in ``cfg/motion``, files in the user's cache."""

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np
import yaml

from msemu.errors import MsemuError
from msemu.models.body import Body
from msemu.motion.clip import MotionClip
from msemu.motion.readers import read_source
from msemu.motion.source import SourceMotion

CACHE_VARIABLE = "MSEMU_CACHE"
"""Environment variable that names another cache folder than ``~/.cache/msemu``."""


@dataclass(frozen=True)
class Package:
    """A wheel on the Python package index that carries clips.

    Attributes:
        package: Name on the index.
        version: Release.
        python_version: Python that the wheel was built for; it need not be the running one.
        platform: Platform tag of the wheel.
        megabytes: Size of the wheel [MB].
        licence: Terms of the clips.
        licence_file: File in the wheel that states them.
        origin: Who recorded the clips.
        folder: Folder of the clips in the wheel.
    """

    package: str
    version: str
    python_version: str
    platform: str
    megabytes: int
    licence: str
    licence_file: str
    origin: str
    folder: str


@dataclass(frozen=True)
class Entry:
    """A clip of the catalogue.

    Attributes:
        name: Short name, such as ``walk``.
        file: File name.
        sha256: Hash of the file.
        cyclic: Whether the movement repeats.
        about: What is seen.
        package: Where it comes from.
    """

    name: str
    file: str
    sha256: str
    cyclic: bool
    about: str
    package: Package


def catalogue() -> dict[str, Entry]:
    """Return all clips by name.

    Raises:
        MsemuError: A catalogue file has an unknown or a missing key.
    """
    entries = {}
    for resource in sorted((files("msemu.cfg") / "motion").iterdir(), key=lambda item: item.name):
        if not resource.name.endswith(".yaml"):
            continue
        values = yaml.safe_load(resource.read_text(encoding="utf-8"))
        try:
            clips = values.pop("clips")
            package = Package(**values)
            entries |= {name: Entry(name=name, package=package, **clip) for name, clip in clips.items()}
        except (AttributeError, KeyError, TypeError) as error:
            raise MsemuError(f"cfg/motion/{resource.name} is not a motion catalogue: {error}") from error
    return entries


def find_entry(name: str) -> Entry:
    """Return the clip called ``name``.

    Raises:
        MsemuError: There is none.
    """
    entries = catalogue()
    if name not in entries:
        raise MsemuError(f"no clip '{name}' in the catalogue; there are: {', '.join(entries)}")
    return entries[name]


def cache_folder() -> Path:
    """Return the folder that keeps obtained and retargeted clips."""
    chosen = os.environ.get(CACHE_VARIABLE)
    return (Path(chosen).expanduser() if chosen else Path.home() / ".cache" / "msemu") / "motions"


def obtain_clip(
    name: str,
    body: Body,
    fps: float = 50.0,
    on_frame: Callable[[int, int], None] = lambda done, total: None,
) -> Path:
    """Return the path of a catalogue clip on ``body``; fetch and retarget it when it is not in the cache.

    The file's name carries a hash of everything the clip depends on: the source, the body, the settings and
    the version of the retargeting.

    Args:
        name: Clip of the catalogue.
        body: The body.
        fps: Frame rate [Hz].
        on_frame: Called with the number of frames done and in all while retargeting.

    Raises:
        MsemuError: Unknown name, or the clip cannot be obtained.
    """
    from msemu.motion.retarget import RETARGET_VERSION, RetargetSettings, retarget

    entry = find_entry(name)
    settings = RetargetSettings(fps=fps, cyclic=entry.cyclic)
    key = {
        "source": entry.sha256,
        "body": body_fingerprint(body),
        "settings": asdict(settings),
        "version": RETARGET_VERSION,
    }
    digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:12]
    path = cache_folder() / "retargeted" / f"{name}_{body.name}_{digest}.npz"
    if path.is_file() and _readable(path):
        return path
    clip = retarget(body, load_source(name), settings, on_frame)
    partial = path.with_suffix(f".{os.getpid()}.tmp")
    clip.save(partial)
    partial.replace(path)
    return path


def load_source(name: str) -> SourceMotion:
    """Return the source motion of a catalogue clip; fetch it when needed.

    Raises:
        MsemuError: Unknown name, or the clip cannot be obtained.
    """
    from msemu.motion.fetch import fetch

    source = describe(read_source(fetch(find_entry(name))))
    source.name = name
    return source


def describe(source: SourceMotion) -> SourceMotion:
    """Fill in licence and origin when the file is one of the catalogue, whatever it is called."""
    for entry in catalogue().values():
        if entry.sha256 == source.sha256:
            source.licence = entry.package.licence
            source.source = f"{entry.package.package} {entry.package.version}: {entry.file}; {entry.package.origin}"
    return source


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


def _readable(path: Path) -> bool:
    """Whether a cached clip is whole; a damaged one is made again."""
    try:
        MotionClip.load(path)
    except MsemuError:
        return False
    return True
