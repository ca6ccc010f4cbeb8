"""A control step in parts, each with excitations of its own."""

from collections.abc import Sequence
from itertools import accumulate


def parts_of(substeps: int, decodings: int) -> tuple[int, ...]:
    """Return the physics steps that each of some decodings is for, at most one decoding for each physics step.

    Where they are not alike, longer ones come first.
    """
    count = min(max(decodings, 1), substeps)
    shorter, longer = divmod(substeps, count)
    return (shorter + 1,) * longer + (shorter,) * (count - longer)


def part_at(parts: Sequence[int], passed: float) -> int:
    """Return the physics steps of the part that begins when the share ``passed`` of the control step is over."""
    begins = (0, *accumulate(parts))
    return parts[begins.index(round(passed * begins[-1]))]
