"""How free each muscle is in a movement: the width of its range, or how much solutions differ in it."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from msemu.errors import MsemuError
from msemu.files import array_names, read_arrays
from msemu.models.body import Body
from msemu.motion.recording import Recording

_RANGES = ("greatest", "least", "muscle_names")
_ATLAS = ("spread_over_solutions", "muscle_names")


def read_freedom(path: Path, body: Body) -> np.ndarray:
    """Return how free each muscle of a body is, from 0 for one that the movement determines to 1, shape [M].

    The file is what ``msemu-analyze ranges --out`` wrote: the mean width at the least budget that leaves any, or the
    atlas of ``msemu-study``: the standard deviation over distinct solutions, over that of the muscle with the greatest.
    Muscles that move no joint have 0.

    Raises:
        MsemuError: The file is neither, or of another body, or holds no number.
    """
    names = array_names(path)
    if set(_ATLAS) <= set(names):
        spread, muscles = read_arrays(path, _ATLAS).values()
        values = spread / max(np.nanmax(spread, initial=0.0), 1e-12)
    elif set(_RANGES) <= set(names):
        greatest, least, muscles = read_arrays(path, _RANGES).values()
        values = _first_width(greatest - least)
    else:
        raise MsemuError(
            f"{path} says nothing of the freedom of muscles; write it with msemu-analyze ranges --out, or msemu-study"
        )
    if tuple(muscles.tolist()) != body.muscle_names:
        raise MsemuError(f"{path} is of another body than {body.name}: its muscles have other names; make it anew")
    if not np.isfinite(values).any():
        raise MsemuError(f"{path} holds no solution and no range; make it anew, with wider tolerances")
    return np.nan_to_num(values)


def show_freedom(recording: Recording, body: Body, path: Path) -> Recording:
    """Return a recording whose muscles can be colored by their freedom."""
    return replace(recording, freedom=np.repeat(read_freedom(path, body)[None], recording.num_frames, axis=0))


def _first_width(width: np.ndarray) -> np.ndarray:
    """Return the mean over frames of ranges [budgets, T, M] at the first budget at which there are any, shape [M]."""
    solved = np.isfinite(width)
    mean = np.where(solved, width, 0.0).sum(1) / solved.sum(1).clip(min=1)
    wide = np.flatnonzero(mean.max(1) > 0.05)
    return mean[wide[0] if len(wide) else -1]
