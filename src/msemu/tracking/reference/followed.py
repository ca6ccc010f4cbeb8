"""The clip that a search follows, repaired as is asked for, and the recording that it was before."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from msemu.models.body import Body
from msemu.motion.clip import MotionClip
from msemu.motion.library.catalogue import WRITABLE_CACHE, cache_folder
from msemu.motion.library.obtain import before_repair, body_fingerprint, is_readable
from msemu.motion.library.task_clips import load_clip, original_clip
from msemu.motion.repair.paths import along
from msemu.schema import FollowedRepair, TaskCfg
from msemu.tracking.reference.within_strength import WITHIN_VERSION, bring_within_strength


@dataclass(frozen=True)
class Followed:
    """A clip that a search follows.

    Attributes:
        clip: The clip.
        recorded: What it was before the repair, frame by frame; None where that is not known.
    """

    clip: MotionClip
    recorded: MotionClip | None


def load_followed(
    cfg: TaskCfg,
    body: Body,
    strong: Body,
    kind: FollowedRepair,
    on_frame: Callable[[int, int], None] = lambda done, total: None,
    on_slower: Callable[[float], None] = lambda slower: None,
) -> Followed:
    """Read the clip of a task and repair it.

    Args:
        cfg: Values of the task; a motion of the catalogue is repaired by ``kind``, a clip file is taken as it is.
        body: The body.
        strong: The body with the strength that it shall move with: a clip of any origin is brought within it where the
            kind is ``strength``. That takes minutes once and is kept in the cache.
        kind: What is repaired.
        on_frame: Gets the frames done and in all while a clip is retargeted.
        on_slower: Gets by how much slower a clip is that is tried, see `bring_within_strength`.

    Raises:
        MsemuError: The clip cannot be had or is of another body.
    """
    cfg = replace(cfg, repair="flight" if kind == "flight" else "contact")
    clip = load_clip(cfg, body, on_frame)
    clip.check_matches(body.name, body.joint_names)
    recorded = original_clip(cfg, body, clip)
    if kind != "strength":
        return Followed(clip, recorded)
    same = clip if recorded is None else recorded
    path = cache_folder() / "within_strength" / f"{body.name}_{_digest(clip, same, strong)}.npz"
    if not is_readable(path):
        within = bring_within_strength(body, strong, clip, same.qpos, on_slower)
        before = same if within.same is same.qpos else along(body, replace(within.clip, simulated=None), within.same)
        before.save(path.with_suffix(".raw.npz"), WRITABLE_CACHE)
        within.clip.save(path, WRITABLE_CACHE)
    clip = MotionClip.load(path)
    return Followed(clip, before_repair(path, clip))


def _digest(clip: MotionClip, same: MotionClip, strong: Body) -> str:
    """Return a hash of everything that a clip within a strength depends on; changes are told against ``same``."""
    key = {"body": body_fingerprint(strong), "fps": clip.fps, "cyclic": clip.cyclic, "version": WITHIN_VERSION}
    digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode())
    for values in (clip.qpos, same.qpos, strong.model.actuator_gainprm, strong.model.actuator_biasprm):
        digest.update(np.ascontiguousarray(values).tobytes())
    return digest.hexdigest()[:12]
