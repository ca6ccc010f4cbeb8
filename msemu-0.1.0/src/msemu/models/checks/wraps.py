"""Check that no muscle becomes longer or shorter at once when a joint moves through its range."""

from collections.abc import Iterator

import numpy as np

from msemu.findings import Finding
from msemu.models.body import Body
from msemu.models.muscle_paths import tendon_lengths
from msemu.models.poses import random_poses, scalar_joints

_STEPS = 60
_FINE_STEPS = 20
_JUMP_M = 0.004
_NUM_POSES = 2


def check_wraps(body: Body) -> list[Finding]:
    """Sweep each joint over its range, in the neutral pose and in random ones, and name the muscles whose length jumps.

    A tendon jumps where it changes to the other side of a geom that it goes round, or where a point of it enters one.
    """
    others = random_poses(body.model, _NUM_POSES, seed=3)
    worst: dict[int, tuple[float, str]] = {}
    for pose in (body.neutral_qpos, *others):
        for joint in body.independent_joints:
            for tendon, jump, place in _jumps(body, pose, joint):
                if jump > worst.get(tendon, (0.0, ""))[0]:
                    where = "the neutral pose" if pose is body.neutral_qpos else "a random pose"
                    worst[tendon] = (jump, f"at {body.joint_names[joint]} {place} of {where}")
    muscles = {int(tendon): body.muscle_names[index] for index, tendon in enumerate(body.model.actuator_trnid[:, 0])}
    return [
        Finding("error", "wrap", muscles[tendon], f"its length jumps by {1000 * jump:.1f} mm {where}", jump)
        for tendon, (jump, where) in sorted(worst.items())
        if tendon in muscles
    ]


def _jumps(body: Body, pose: np.ndarray, joint: int) -> Iterator[tuple[int, float, str]]:
    """Yield the tendons that jump when a joint goes through its range, how far [m], and where."""
    low, high = body.model.jnt_range[scalar_joints(body.model)[joint]]
    values, name = np.linspace(low, high, _STEPS), body.joint_names[joint]
    steps = np.diff(tendon_lengths(body.model, body.poses({name: values}, pose)), axis=0)
    for tendon in np.flatnonzero(_beyond_neighbors(steps).max(axis=0) > _JUMP_M):
        step = int(_beyond_neighbors(steps)[:, tendon].argmax())
        fine = np.linspace(values[step], values[step + 1], _FINE_STEPS)
        jump = np.abs(np.diff(tendon_lengths(body.model, body.poses({name: fine}, pose))[:, tendon])).max()
        if jump > _JUMP_M:  # and no steep piece of a smooth path
            place = f"{np.degrees(values[step]):.0f} deg" if body.is_hinge[joint] else f"{values[step]:.3f} m"
            yield int(tendon), float(jump), place


def _beyond_neighbors(steps: np.ndarray) -> np.ndarray:
    """Return by how much each step of a length differs from the more similar of the steps around it, shape [S, T]."""
    change = np.abs(np.diff(steps, axis=0))
    apart = np.full_like(steps, np.inf)
    apart[1:] = change
    apart[:-1] = np.minimum(apart[:-1], change)
    return apart
