"""The parts of a person that have a size of their own."""

from dataclasses import dataclass, field
from typing import Annotated

from msemu.errors import MsemuError, suggestion
from msemu.schema.ranges import NotNegative, Range

SCALES = (0.5, 2.0)
"""Least and greatest factor of a length."""
Factor = Annotated[float, Range(*SCALES)]

PARTS = {"pelvis": "pelvis", "torso": "thorax", "head": "head"} | {
    f"{part}_{side}": f"{landmark}_{side}"
    for side in "rl"
    for part, landmark in (
        *(("thigh", "hip"), ("shank", "knee"), ("foot", "ankle")),
        *(("upper_arm", "shoulder"), ("forearm", "elbow"), ("hand", "wrist")),
    )
}
"""Parts with a size of their own, and their landmarks: each is the body of it and what hangs on it, up to the next."""


@dataclass(frozen=True)
class ScaleCfg:
    """The size of a person, beside that of the body which the rest of a recipe makes."""

    length: Factor = 1.0
    """Factor of all lengths of the parts that have none of their own."""
    parts: dict[str, Factor] = field(default_factory=dict)
    """Factors of the lengths of single parts, by the names of `PARTS`."""
    mass_kg: NotNegative = 0.0
    """Mass of the whole body [kg]; where it is 0, that of a body of the same density."""

    def __post_init__(self) -> None:
        for name in self.parts:
            if name not in PARTS:
                raise MsemuError(f"scale: there is no part '{name}'{suggestion(name, PARTS)}")

    def of(self, part: str) -> float:
        """Return the factor of the lengths of a part."""
        return self.parts.get(part, self.length)
