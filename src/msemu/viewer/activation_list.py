"""The list of the most active muscles, as HTML."""

import html
from collections.abc import Sequence

import numpy as np

from msemu.viewer.palette import activation_colors


def activation_list(names: Sequence[str], activation: np.ndarray, shown: np.ndarray, length: int) -> str:
    """Return the most active muscles as bars with their names, the strongest first.

    Args:
        names: Names of the muscles.
        activation: Muscle activation [-], shape [num_muscles].
        shown: Which muscles to consider, shape [num_muscles].
        length: How many to list at most.
    """
    candidates = np.flatnonzero(shown)
    if not len(candidates):
        return _note("no muscle has this in its name")
    strongest = candidates[np.argsort(-activation[candidates], kind="stable")][:length]
    heading = _note(f"{len(strongest)} most active of {len(candidates)}")
    return heading + "".join(_bar(names[muscle], activation[muscle]) for muscle in strongest)


def _note(text: str) -> str:
    return f'<div style="padding:0 1em 0.3em;font-size:0.8em;color:#6a7077">{text}</div>'


def _bar(name: str, level: float) -> str:
    red, green, blue = (int(255 * channel) for channel in activation_colors(np.asarray(level)))
    return (
        '<div style="display:flex;align-items:center;padding:0 1em;font:12px monospace;line-height:1.5">'
        f'<span style="width:10em;overflow:hidden;text-overflow:ellipsis;white-space:nowrap">{html.escape(name)}</span>'
        '<span style="flex:1;background:#e8eaed;height:0.7em">'
        f'<span style="display:block;width:{100 * min(max(level, 0.0), 1.0):.0f}%;height:100%;'
        f'background:rgb({red},{green},{blue})"></span></span>'
        f'<span style="width:3em;text-align:right">{level:.2f}</span></div>'
    )
