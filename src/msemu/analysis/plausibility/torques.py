"""Which joints a movement asks for more torque than muscles of each strength set give, before and after a repair."""

from dataclasses import dataclass

from msemu.analysis.plausibility.strength import strength
from msemu.models.body import Body
from msemu.models.strength.sets import strength_sets, with_strength
from msemu.motion.clip import MotionClip
from msemu.motion.flight import unrolled


@dataclass(frozen=True)
class Excess:
    """A joint that needs more torque than its muscles give.

    Attributes:
        joint: Name of the joint.
        factor: Required over available torque of the worst frames, at least above 1 in one of two clips [-].
        frame: That frame.
        before: The same factor before the repair [-].
    """

    joint: str
    factor: float
    frame: int
    before: float


def excesses(body: Body, before: MotionClip, after: MotionClip) -> dict[str, list[Excess]]:
    """Return the joints beyond their capacity in either clip for each strength set, the worst first.

    The body has its own strength.
    """
    return {name: _excesses(with_strength(body, name), before, after) for name in strength_sets()}


def _excesses(body: Body, before: MotionClip, after: MotionClip) -> list[Excess]:
    now = _peaks(body, after)
    once = now if before is after else _peaks(body, before)
    found = [Excess(joint, *peak, once[joint][0]) for joint, peak in now.items() if max(peak[0], once[joint][0]) > 1.0]
    return sorted(found, key=lambda each: -each.factor)


def _peaks(body: Body, clip: MotionClip) -> dict[str, tuple[float, int]]:
    """Return the factor of the worst frames of each joint, and the frame."""
    ring = int(clip.cyclic)
    torques = strength(body, unrolled(clip, -ring, clip.num_frames - 1 + ring), clip.fps)
    return {
        torques.joint_names[joint]: (float(torques.ratio[row, joint]), (row + 1 - ring) % clip.num_frames)
        for joint, row in torques.peaks()
    }
