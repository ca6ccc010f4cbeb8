"""The tasks that msemu brings: every catalogue motion that has values in cfg/task, and any motion, on every body."""

from msemu.registry import TaskSpec, register_task

_BODIES = {"MyoLegs": "myolegs", "MyoFullBody": "myofullbody", "MsHuman700": "ms_human_700"}
_MOTIONS = {"Walk": "walk", "Run": "run"}


def register() -> None:
    """Register the tasks."""
    for title, body in _BODIES.items():
        register_task(TaskSpec(f"Msemu-Track-{title}-v0", f"track_{body}", f"any motion of --motion, on {body}"))
        for motion_title, motion in _MOTIONS.items():
            summary = f"the clip '{motion}' on {body}"
            register_task(TaskSpec(f"Msemu-{motion_title}-{title}-v0", f"{motion}_{body}", summary))
    gait = "the gait of the file that MSEMU_MSGYM_GAIT names, on ms_human_700"
    register_task(TaskSpec("Msemu-Gait-MsHuman700-v0", "gait_ms_human_700", gait))
