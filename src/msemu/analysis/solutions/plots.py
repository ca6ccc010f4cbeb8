"""Plots of solution spaces: bands of feasible activation, and how much room an effort budget buys."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from msemu.analysis.solutions.ranges import FeasibleRanges
from msemu.analysis.solutions.samples import QUANTILES, SampledSpace
from msemu.analysis.solutions.space import SolutionSpace
from msemu.files import save_figure

_COLUMNS, _MOST = 4, 15
_LEG = (
    *("soleus_r", "gasmed_r", "tibant_r", "vaslat_r", "recfem_r", "bflh_r", "semimem_r", "glmax1_r"),
    *("glmed1_r", "iliacus_r", "addlong_r", "perlong_r"),
)


def label(budget: float) -> str:
    """Name an effort budget."""
    return "no budget" if np.isinf(budget) else f"{budget:g} x least effort"


def plot_ranges(ranges: FeasibleRanges, space: SolutionSpace, path: Path) -> Path:
    """Draw the bands of some muscles at every budget, the solution of least effort in them, and width by budget."""
    shown = shown_muscles(space.muscle_names, ranges.chosen)
    figure, axes = grid(len(shown) + 1, f"Feasible activation: {space.name} on {space.body}")
    time = space.frames / space.fps
    shades = np.linspace(0.15, 0.5, len(ranges.budgets))
    for axis, muscle in zip(axes, shown, strict=False):
        for index in np.argsort(-ranges.budgets):
            low, high = ranges.least[index, :, muscle], ranges.greatest[index, :, muscle]
            shade = shades[len(shades) - 1 - index]
            axis.fill_between(
                time, low, high, color="#0072b2", alpha=shade, linewidth=0, label=label(ranges.budgets[index])
            )
        axis.plot(time, ranges.best[:, muscle], color="black", linewidth=1, label="least effort")
        _finish(axis, space.muscle_names[muscle])
    axes[0].legend(fontsize=6)
    names = ["none" if np.isinf(budget) else f"{budget:g}" for budget in ranges.budgets]
    good = [ranges.width[index, ~lost][:, ranges.chosen] for index, lost in enumerate(ranges.unsolved)]
    axes[-1].plot(names, [width.mean() if width.size else np.nan for width in good], marker="o")
    axes[-1].set(title="mean width against effort", ylim=(0, 1.02), xlabel="effort over the least one")
    axes[-1].title.set_fontsize(9)
    return save_figure(figure, path)


def plot_samples(sampled: SampledSpace, space: SolutionSpace, path: Path) -> Path:
    """Draw the quantiles of some muscles' activation over uniform solutions, and the known solution."""
    moving = np.flatnonzero(space.moving).tolist()
    shown = shown_muscles(space.muscle_names, space.moving)
    figure, axes = grid(len(shown), f"Uniform solutions: {space.name} on {space.body}")
    time = space.frames / space.fps
    for axis, muscle in zip(axes, shown, strict=True):
        quantiles = sampled.quantiles[:, :, moving.index(muscle)]
        for low, high, shade in ((0, 4, 0.2), (1, 3, 0.4)):
            text = f"{100 * QUANTILES[low]:g} to {100 * QUANTILES[high]:g} %"
            axis.fill_between(
                time, quantiles[:, low], quantiles[:, high], color="#d55e00", alpha=shade, linewidth=0, label=text
            )
        axis.plot(time, space.known[:, muscle], color="black", linewidth=1, label="known solution")
        _finish(axis, space.muscle_names[muscle])
    axes[0].legend(fontsize=6)
    return save_figure(figure, path)


def shown_muscles(names: Sequence[str], chosen: np.ndarray) -> list[int]:
    """Return the muscles of a panel each: well-known ones of the right leg where there are such, else the first."""
    known = [names.index(name) for name in _LEG if name in names]
    wanted = [muscle for muscle in known if chosen[muscle]]
    return (wanted or np.flatnonzero(chosen).tolist())[:_MOST]


def grid(count: int, title: str) -> tuple[Figure, Sequence[Axes]]:
    """Return a figure with so many panels, four in a row."""
    rows = -(-count // _COLUMNS)
    figure = Figure(figsize=(3.2 * _COLUMNS, 2.1 * rows + 0.5), layout="constrained")
    axes = list(figure.subplots(rows, _COLUMNS, squeeze=False).flat)
    for axis in axes[count:]:
        axis.remove()
    figure.suptitle(title, fontsize=11)
    return figure, axes[:count]


def _finish(axis: Axes, title: str) -> None:
    axis.set(ylim=(-0.02, 1.02), xlabel="time [s]")
    axis.set_title(title, fontsize=9)
    axis.xaxis.label.set_fontsize(8)
