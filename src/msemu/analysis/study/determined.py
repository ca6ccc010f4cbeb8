"""Which muscles a movement determines: those in whose activation its distinct solutions agree."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from msemu.analysis.study.atlas import Atlas

_USED = 0.02
"""Mean activation from which a muscle is used [-]; below, its spread is over next to nothing."""
_LISTED = 10


def determined(atlas: Atlas, muscle_names: Sequence[str]) -> dict[str, Any]:
    """Return the spread of each muscle over the distinct solutions, and the ones with least and most of it.

    Muscles that move no joint are left out, and nothing is listed unless there are two solutions.
    """
    chosen = atlas.courses.activation[atlas.distinct]
    if len(chosen) < 2:
        return {"muscles": {}, "by_spread": {}, "by_relative_spread": {}}
    mean, spread = chosen.mean((0, 1)), atlas.specificity()
    moves = np.abs(atlas.matrix).max((0, 1)) > 0.0
    is_used = moves & (mean > _USED)
    relative = np.divide(spread, mean, out=np.full_like(spread, np.nan), where=is_used)
    return {
        "muscles": {
            muscle_names[muscle]: {
                "activation": float(mean[muscle]),
                "spread": float(spread[muscle]),
                "relative_spread": float(relative[muscle]),
            }
            for muscle in np.flatnonzero(moves).tolist()
        },
        "by_spread": _ends(spread, moves, muscle_names),
        "by_relative_spread": _ends(relative, is_used, muscle_names),
    }


def _ends(values: np.ndarray, chosen: np.ndarray, names: Sequence[str]) -> dict[str, dict[str, float]]:
    """Return the chosen muscles with the least and the greatest values, the extreme ones first, by name."""
    order = [muscle for muscle in np.argsort(values, kind="stable").tolist() if chosen[muscle]]
    ends = {"most_determined": order[:_LISTED], "least_determined": order[::-1][:_LISTED]}
    return {end: {names[muscle]: float(values[muscle]) for muscle in muscles} for end, muscles in ends.items()}
