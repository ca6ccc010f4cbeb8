"""The list of the muscles that stand out, as HTML."""

import html
from collections.abc import Sequence

import numpy as np

from msemu.viewer.muscle_coloring import Coloring
from msemu.viewer.palette import activation_colors


def muscle_list(names: Sequence[str], level: np.ndarray, shown: np.ndarray, length: int, coloring: Coloring) -> str:
    """Return the muscles highest on the color scale as bars with their names and values, the highest first.

    Levels are places on the scale [-]; levels and ``shown``, the muscles to consider, have the shape [num_muscles].
    """
    candidates = np.flatnonzero(shown)
    if not len(candidates):
        return _note("no muscle has this in its name")
    highest = candidates[np.argsort(-level[candidates], kind="stable")][:length]
    heading = _note(f"{coloring.label}: the greatest {len(highest)} of {len(candidates)}")
    return heading + "".join(_bar(names[muscle], level[muscle], coloring.value(level[muscle])) for muscle in highest)


def color_scale(coloring: Coloring) -> str:
    """Return the legend of the colors: the quantity, its ends and what is between."""
    colors = activation_colors(np.linspace(0.0, 1.0, 9))
    stops = ",".join(f"rgb({','.join(str(int(255 * channel)) for channel in color)})" for color in colors)
    bar = f'<div style="margin:0 1em;height:0.7em;background:linear-gradient(to right,{stops})"></div>'
    ends = f"<span>{coloring.low:g}</span><span>{html.escape(coloring.label)}</span><span>{coloring.high:g}</span>"
    row = "display:flex;justify-content:space-between;padding:0 1em 0.5em;font-size:0.8em;color:#6a7077"
    return f'{bar}<div style="{row}">{ends}</div>'


def _note(text: str) -> str:
    return f'<div style="padding:0 1em 0.3em;font-size:0.8em;color:#6a7077">{text}</div>'


def _bar(name: str, level: float, value: float) -> str:
    red, green, blue = (int(255 * channel) for channel in activation_colors(np.asarray(level)))
    return (
        '<div style="display:flex;align-items:center;padding:0 1em;font:12px monospace;line-height:1.5">'
        f'<span style="width:10em;overflow:hidden;text-overflow:ellipsis;white-space:nowrap">{html.escape(name)}</span>'
        '<span style="flex:1;background:#e8eaed;height:0.7em">'
        f'<span style="display:block;width:{100 * min(max(level, 0.0), 1.0):.0f}%;height:100%;'
        f'background:rgb({red},{green},{blue})"></span></span>'
        f'<span style="width:3em;text-align:right">{value:.2f}</span></div>'
    )
