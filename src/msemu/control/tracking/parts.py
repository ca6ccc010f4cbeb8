"""A control step in parts, each with excitations of its own."""

from collections.abc import Sequence
from itertools import accumulate

from msemu.errors import MsemuError


def parts_of(substeps: int, decodings: int) -> tuple[int, ...]:
    """Return the physics steps that each of some decodings is for; where they are not alike, longer ones come first.

    Raises:
        MsemuError: There are more decodings than physics steps.
    """
    if not 0 < decodings <= substeps:
        raise MsemuError(
            f"the controller's decodings of {decodings} are more than a control step of {substeps} physics steps has;"
            f" take 1 to {substeps}"
        )
    shorter, longer = divmod(substeps, decodings)
    return (shorter + 1,) * longer + (shorter,) * (decodings - longer)


def part_at(parts: Sequence[int], passed: float) -> int:
    """Return the physics steps of the part that begins when the share ``passed`` of the control step is over."""
    begins = (0, *accumulate(parts))
    return parts[begins.index(round(passed * begins[-1]))]
