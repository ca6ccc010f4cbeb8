"""Why a clip is not reached: which joint is asked for more than its muscles give, and what no foot gives."""

from dataclasses import dataclass, replace

import numpy as np

from msemu.control.static_optimization import StaticOptimization
from msemu.control.weakness import Weakness, find_weaknesses
from msemu.models.body import Body
from msemu.motion.clip import MotionClip
from msemu.tracking.reference.within_strength import measure

STRONGEST = 10.0
"""Greatest factor of the muscles' force that can be asked for; a lack beyond it is one at any strength."""
_NOTABLE_BW = 0.1
"""Force at the root that contacts do not give, from which it is told of [body weights]."""
_AROUND_S = 0.1
"""So long before and after a window is looked at, too [s]: what is not given there shows later."""


@dataclass(frozen=True)
class Place:
    """A window of a clip: its number from 1, how many there are, and its control steps from ``first`` to ``last``."""

    number: int
    count: int
    first: int
    last: int


class Reason:
    """What a body lacks for a clip, by static optimization with free contacts."""

    def __init__(self, body: Body, clip: MotionClip):
        """Solve all frames of the clip."""
        self._clip = clip
        self._hinges = {name for name, is_hinge in zip(body.joint_names, body.is_hinge, strict=True) if is_hinge}
        self._solved = measure(body, clip)

    def overall(self) -> str:
        """Say in one line which joint is the weakest for the clip, by which factor and in which frame."""
        weak = find_weaknesses(self._solved)
        if weak:
            return self._told(weak[0], weak[0].frame)
        return "nothing at any joint, its muscles are strong enough"

    def within(self, place: Place) -> str:
        """Say in one line what is missing about a window, and where that is nothing, in the whole clip."""
        around = round(_AROUND_S * self._clip.fps)
        steps = np.arange(max(0, place.first - around), place.last + around + 1)
        rows = steps % self._clip.num_frames if self._clip.cyclic else steps[steps < self._clip.num_frames]
        weak = find_weaknesses(_rows(self._solved, rows))
        parts = [self._told(weak[0], steps[weak[0].frame])] if weak else []
        lacking = self._solved.root_force_residual[rows]
        if lacking.max(initial=0.0) > _NOTABLE_BW:
            where = steps[int(lacking.argmax())]
            parts.append(f"frame {where} asks for {lacking.max():.2f} body weights that no contact gives")
        if weak:
            return "; ".join(parts)
        parts.append("there its muscles are strong enough at every joint, so it is balance or contact that is missing")
        if everywhere := find_weaknesses(self._solved):
            parts.append("elsewhere " + self._told(everywhere[0], everywhere[0].frame))
        return "; ".join(parts)

    def _told(self, weak: Weakness, frame: int) -> str:
        given = abs(weak.needed - weak.missing)
        factor = abs(weak.needed) / max(given, 1e-9)
        is_beyond = factor > STRONGEST
        times = f"over {STRONGEST:g} times" if is_beyond else f"{factor:.1f} times"
        unit = "N m" if weak.joint in self._hinges else "N"
        return (
            f"{weak.joint} is asked for {times} what its muscles give there in frame {frame}"
            f" ({abs(weak.needed):.0f} {unit}, {abs(weak.missing):.0f} missing)"
            + ", more than any --strength makes up for"
            * is_beyond
        )


def _rows(solved: StaticOptimization, rows: np.ndarray) -> StaticOptimization:
    """Return the solution in some frames, as far as weaknesses depend on it."""
    names = ("residual", "required_torque", "contact_torque")
    return replace(solved, **{name: getattr(solved, name)[rows] for name in names})
