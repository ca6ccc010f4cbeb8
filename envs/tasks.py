"""The tasks that msemu brings: every motion and every set of clips of the catalogue, and any motion, on every body."""

from dataclasses import replace
from functools import partial

from msemu.config import cfg_file, load
from msemu.motion.library.catalogue import catalogue, clip_sets
from msemu.registry import TaskSpec, register_task
from msemu.schema import TaskCfg

_LEGS = {"MyoLegs": "myolegs"}
_WHOLE_BODIES = {"MyoFullBody": "myofullbody", "MsHuman700": "ms_human_700"}
_BODIES = _LEGS | _WHOLE_BODIES
_MOTIONS_OF_LEGS = ("walk", "run")

_UPRIGHT = ("dance_a", "dance_b", "amp_dance", "jump", "backflip", "spinkick", "kick", "punch", "spin")
_ALLOWED_CONTACTS = {name: ("foot",) for name in _UPRIGHT} | {"cartwheel": ("foot", "hand", "forearm")}
"""Parts that may touch the floor in a movement, where it goes without the others; all parts in any other movement."""


def register() -> None:
    """Register the tasks."""
    for title, body in _BODIES.items():
        register_task(TaskSpec(f"Msemu-Track-{title}-v0", f"track_{body}", f"any motion of --motion, on {body}"))
    for motion, entry in catalogue().items():
        for title, body in (_BODIES if motion in _MOTIONS_OF_LEGS else _WHOLE_BODIES).items():
            _register_motion(motion, title, body, entry.about)
    for name, members in clip_sets().items():
        for title, body in _WHOLE_BODIES.items():
            _register_motion(name, title, body, f"the {len(members)} clips of '{name}'")
    gait = "the gait of the file that MSEMU_MSGYM_GAIT names, on ms_human_700"
    register_task(TaskSpec("Msemu-Gait-MsHuman700-v0", "gait_ms_human_700", gait))


def motion_task(body: str, motion: str) -> TaskCfg:
    """The tracking task of a body with a motion of the catalogue.

    Args:
        body: Name of the body, whose values are in ``cfg/task/track_<body>.yaml``.
        motion: Name of a clip or of a set of clips.
    """
    cfg = load(TaskCfg, cfg_file("task", f"track_{body}"))
    termination = replace(cfg.env.termination, allowed_contacts=_ALLOWED_CONTACTS.get(motion, ()))
    return replace(cfg, motion=motion, env=replace(cfg.env, termination=termination))


def _register_motion(motion: str, title: str, body: str, summary: str) -> None:
    name = "".join(part.capitalize() for part in motion.split("_"))
    register_task(TaskSpec(f"Msemu-{name}-{title}-v0", partial(motion_task, body, motion), summary))
