"""Plot of exploration and learning speed over the number of actions."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator


def plot_exploration(
    exploration: list[dict[str, Any]], learning: list[dict[str, Any]], isotropic: dict[int, float], path: Path
) -> None:
    """Draw the scatter of the end-effector and the samples to the threshold.

    Args:
        exploration: ``agent``, ``num_joints`` and ``end_effector_std`` of each seed.
        learning: Results of `explore.exploration_benchmark.measure_learning`.
        isotropic: Exact deviation under independent noise by number of joints.
        path: PNG file.
    """
    figure = Figure(figsize=(10, 4.2), layout="constrained")
    scatter, speed = figure.subplots(1, 2)
    agents = dict.fromkeys(row["agent"] for row in exploration + learning)
    colors = {agent: f"C{number}" for number, agent in enumerate(agents)}
    for agent in dict.fromkeys(row["agent"] for row in exploration):
        own = [row for row in exploration if row["agent"] == agent]
        std = 100.0 * np.array([row["end_effector_std"] for row in own])
        scatter.plot(
            [row["num_joints"] for row in own],
            std.mean(1),
            "o-",
            label=Path(agent).stem,
            color=colors[agent],
            alpha=0.8,
        )
    exact = 100.0 * np.array(list(isotropic.values()))
    scatter.plot(list(isotropic), exact, "k:", label="independent noise, exact")
    scatter.set(ylabel="deviation of the end-effector [% of the length]", title="One step of noise before learning")
    for agent in dict.fromkeys(row["agent"] for row in learning):
        _draw_speed(speed, [row for row in learning if row["agent"] == agent], agent, colors[agent])
    speed.set(
        ylabel="control steps [thousands]",
        title="Samples to the threshold, each seed and median\n(triangle: more than these; cross: weights not finite)",
    )
    for axis in (scatter, speed):
        axis.set(xscale="log", yscale="log", xlabel="joints, one action each")
        axis.set_xticks(list(isotropic), [str(joints) for joints in isotropic])
        axis.xaxis.set_minor_locator(NullLocator())
        axis.yaxis.set_major_formatter("{x:g}")
        axis.yaxis.set_minor_formatter("{x:g}")
        axis.tick_params(axis="y", which="both", labelsize=7)
        axis.grid(alpha=0.3)
        axis.legend(fontsize=8)
    figure.savefig(path, dpi=90)


def _draw_speed(axis: Any, rows: list[dict[str, Any]], agent: str, color: str) -> None:
    medians: dict[int, list[float]] = {}
    for row in rows:
        reached = row["samples_to_threshold"] is not None
        thousands = (row["samples_to_threshold"] if reached else row["budget"]) / 1e3
        marker = "o" if reached else "^" if row["diverged_after"] is None else "x"
        axis.plot(row["num_joints"], thousands, marker, color=color, alpha=0.5, markersize=6)
        medians.setdefault(row["num_joints"], []).append(thousands)
    axis.plot(list(medians), [np.median(each) for each in medians.values()], "-", color=color, label=Path(agent).stem)
