"""Why a clip is not reached: which joint is asked for more than its muscles give."""

from msemu.control.inverse_dynamics import differentiate
from msemu.control.static_optimization import optimize
from msemu.control.weakness import find_weaknesses
from msemu.models.body import Body
from msemu.motion.clip import MotionClip

_SMOOTHING_S = 0.02
_STRONGEST = 10.0
"""A factor beyond this says no more than that the muscles give next to nothing."""


def weakest_joint(body: Body, clip: MotionClip) -> str:
    """Say in one sentence at which joint a body is too weak for a clip, and by which factor, contacts being free."""
    weak = find_weaknesses(optimize(body, differentiate(body, clip, _SMOOTHING_S)))
    if not weak:
        return "its muscles are strong enough at every joint, so it is balance or contact that is missing"
    worst = weak[0]
    given = abs(worst.needed - worst.missing)
    factor = abs(worst.needed) / max(given, 1e-9)
    times = f"{factor:.1f} times" if factor < _STRONGEST else f"over {_STRONGEST:g} times"
    return (
        f"{worst.joint} is asked for {times} what its muscles give there in frame {worst.frame}"
        f" ({abs(worst.needed):.0f} N m, {abs(worst.missing):.0f} missing)"
    )
