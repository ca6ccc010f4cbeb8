"""The tasks that msemu brings: any motion, and the motions of the catalogue that the recipe of a body asks for."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from msemu.config import cfg_file, cfg_names, load
from msemu.errors import MsemuError, suggestion
from msemu.motion.library.catalogue import catalogue, clip_sets
from msemu.registry import BodySpec, TaskSpec, register_body, register_task, register_tasks_of_bodies
from msemu.schema import TaskCfg


def register() -> None:
    """Register the bodies and the tasks."""
    motions = {name: entry.about for name, entry in catalogue().items()}
    motions |= {name: f"the {len(members)} clips of '{name}'" for name, members in clip_sets().items()}
    register_tasks_of_bodies(partial(_tracking_tasks, motions))
    for name in cfg_names("body"):
        register_body(cfg_file("body", name))
    gait = "the gait of the file that MSEMU_MSGYM_GAIT names, on ms_human_700"
    register_task(TaskSpec("Msemu-Gait-MsHuman700-v0", "gait_ms_human_700", gait, body="ms_human_700"))


def motion_task(body: str, motion: str) -> TaskCfg:
    """Return the tracking task of a body with a clip or set of clips of the catalogue; an empty name leaves it open."""
    cfg = load(TaskCfg, cfg_file("task", "track"))
    clip = catalogue().get(motion)
    cfg.env.terminations["forbidden_contact"].options["allowed"] = list(clip.allowed_contacts) if clip else []
    return replace(cfg, body=body, motion=motion, repair=clip.repair if clip else cfg.repair)


def _tracking_tasks(motions: dict[str, str], body: BodySpec) -> Iterator[TaskSpec]:
    """Return the tracking tasks of a body, from what is to be seen in each motion of the catalogue."""
    chosen = tuple(motions) if body.motions == "all" else body.motions
    for motion in chosen:
        if motion not in motions:
            raise MsemuError(f"{body.recipe}: no clip '{motion}' and no set of clips{suggestion(motion, motions)}")
    motions = {"": f"any motion of --motion, on {body.name}"} | motions
    sets = clip_sets()
    for motion in ("", *chosen):
        kind = "sets of clips" if motion in sets else "clips" if motion else "any motion"
        name = "".join(part.capitalize() for part in motion.split("_")) or "Track"
        config = partial(motion_task, body.name, motion)
        about = {"origin": body.origin, "body": body.name, "kind": kind, "training": _training(body, motion)}
        yield TaskSpec(f"Msemu-{name}-{body.title}-v0", config, motions[motion], **about)


def _training(body: BodySpec, motion: str) -> str:
    """Return the name of what works best for a motion on a body of msemu's own; of others nothing is known."""
    if body.name not in cfg_names("body"):
        return ""
    if (own := f"{motion}_{body.name}") in cfg_names("training"):
        return own
    return "controller_running" if "run" in motion.split("_") else "controller"
