"""The strength that a run holds: a set may say something else tomorrow, and the figures of the run may not."""

from typing import Any

import numpy as np

from msemu.errors import MsemuError
from msemu.models.body import Body
from msemu.models.strength.sets import GREATEST_FACTOR, OWN, as_strong

Held = dict[str, dict[str, float]]
"""Factor of each muscle's force [-] by muscle, by the name of the strength set."""


def held_strength(body: Body) -> Held:
    """Return the factor by which a strength set made each muscle of a body stronger; nothing at its own strength."""
    if body.strength_set == OWN:
        return {}
    return {body.strength_set: dict(zip(body.muscle_names, body.model.actuator_user[:, 0].tolist(), strict=True))}


def with_held_strength(body: Body, name: str, held: Any, words: str) -> Body:
    """Return a body as strong as a set was when it was held; one that is not held leaves the body as it is.

    ``words`` say where ``held`` is from.

    Raises:
        MsemuError: It is not what `held_strength` returns for the muscles of this body.
    """
    if not isinstance(held or {}, dict):
        raise MsemuError(f"{words} is {str(held)[:40]!r} in place of strength sets; restore the file")
    factors = (held or {}).get(name)
    if factors is None:
        return body
    if not isinstance(factors, dict) or factors.keys() != set(body.muscle_names):
        raise MsemuError(
            f"{words}: {name} does not name the {body.num_muscles} muscles of {body.name}; restore the file"
        )
    for muscle, factor in factors.items():
        if not isinstance(factor, float) or not 0.0 < factor <= GREATEST_FACTOR:
            raise MsemuError(
                f"{words}: {name}: {muscle} has {str(factor)[:40]!r} in place of a factor above 0 and at most"
                f" {GREATEST_FACTOR:g}; restore the file"
            )
    return as_strong(body, name, np.array([factors[muscle] for muscle in body.muscle_names]))
