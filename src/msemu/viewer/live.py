"""What a page needs to change the movement that it plays."""

from collections.abc import Callable
from dataclasses import dataclass

from msemu.motion.recording import Push, Recording


@dataclass(frozen=True)
class Live:
    """A simulation that the page may ask for another course of the movement.

    Attributes:
        simulate: From a push, if there is one, and what the muscles prefer to what is played.
        preferences: What the muscles may prefer, the first at first; none where nothing chooses among muscles.
    """

    simulate: Callable[[Push | None, str], Recording]
    preferences: tuple[str, ...] = ()
