"""Plot of muscle activity over the gait cycle beside a textbook's bursts."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from msemu.analysis.gait.gait import GaitActivity
from msemu.analysis.gait.muscle_timing import Agreement
from msemu.control.gait_phase import PERCENT
from msemu.control.textbook_timing import Channel, TextbookTiming
from msemu.files import save_figure

_STYLES: dict[str, dict[str, Any]] = {
    "r": {"label": "right", "color": "#d55e00", "linestyle": "-"},
    "l": {"label": "left", "color": "#0072b2", "linestyle": "--"},
}
_BURST, _COLUMNS = "0.87", 4
_LEAST_RANGE = 0.1
"""Smallest upper end of an axis [-], so that a silent muscle looks silent."""


def plot_gait(
    activity: GaitActivity, timing: TextbookTiming, agreements: dict[str, Agreement], title: str, path: Path
) -> None:
    """Draw mean and standard deviation over the cycles, a panel for each channel; ``title`` says who walks."""
    rows = -(-(len(timing.channels) + 1) // _COLUMNS)  # the key takes the last place
    figure = Figure(figsize=(2.8 * _COLUMNS, 1.75 * rows + 0.8), layout="constrained")
    axes = list(figure.subplots(rows, _COLUMNS, squeeze=False).flat)
    for column, (name, channel) in enumerate(timing.channels.items()):
        _draw(axes[column], activity, column, channel)
        axes[column].set_title(f"{name}   r = {agreements[name].correlation:.2f}", fontsize=8.5)
        if column % _COLUMNS == 0:
            axes[column].set_ylabel("activation [-]", fontsize=8)
        if column + _COLUMNS >= len(timing.channels):
            axes[column].set_xlabel("gait cycle [%]", fontsize=8)
    for axis in axes[len(timing.channels) :]:
        axis.axis("off")
    _draw_key(axes[-1], activity)
    figure.suptitle(f"{title}\nmean ± standard deviation over gait cycles; gray: {timing.source}", fontsize=10)
    save_figure(figure, path, dpi=100)


def _draw(axis: Axes, activity: GaitActivity, column: int, channel: Channel) -> None:
    top = _LEAST_RANGE
    for begin, end in channel.bursts:
        axis.axvspan(begin, end, color=_BURST, linewidth=0)
    for side, style in _STYLES.items():
        leg = activity.legs[side]
        mean, spread = leg.activation[:, :, column].mean(0), leg.activation[:, :, column].std(0)
        axis.fill_between(PERCENT, mean - spread, mean + spread, color=style["color"], alpha=0.2, linewidth=0)
        axis.plot(PERCENT, mean, linewidth=1.4, **style)
        axis.axvline(100.0 * leg.stance.mean(), color=style["color"], linewidth=0.8, linestyle=":")
        top = max(top, float((mean + spread).max()))
    axis.set(xlim=(0, 100), ylim=(0, min(1.05 * top, 1.02)), xticks=np.arange(0, 101, 20))
    axis.tick_params(labelsize=7)


def _draw_key(axis: Axes, activity: GaitActivity) -> None:
    handles: list[Line2D | Patch] = [
        Line2D([], [], **style | {"label": f"{style['label']}, {len(activity.legs[side].activation)} cycles"})
        for side, style in _STYLES.items()
    ]
    handles.append(Patch(color=_BURST, label="textbook burst"))
    handles.append(Line2D([], [], color="0.3", linewidth=0.8, linestyle=":", label="foot leaves the floor"))
    axis.legend(handles=handles, loc="center", fontsize=8, frameon=False)
