"""Plot of the learning curves of the bodies that reach for postures."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

_AXES = (("samples", "control steps [thousands]", 1e-3), ("cpu_s", "time of the processor [s]", 1.0))


def plot_reaching(rows: list[dict[str, Any]], path: Path) -> None:
    """Draw the error over control steps and over the processor's time, one column for each task.

    Lines are medians over the seeds, bands reach from the least to the greatest.

    Args:
        rows: Results of `explore.reaching_benchmark.measure_reaching`.
        path: PNG file.
    """
    tasks, agents = dict.fromkeys(row["task"] for row in rows), dict.fromkeys(row["agent"] for row in rows)
    figure = Figure(figsize=(1.0 + 4.0 * len(tasks), 6.4), layout="constrained")
    panels = figure.subplots(len(_AXES), len(tasks), squeeze=False, sharey="col")
    for column, task in zip(panels.T, tasks, strict=True):
        of_task = [row for row in rows if row["task"] == task]
        column[0].set_title(f"{task}: muscles {of_task[0]['num_muscles']}, joints {of_task[0]['num_joints']}")
        for panel, (quantity, label, factor) in zip(column, _AXES, strict=True):
            for number, agent in enumerate(agents):
                _draw(panel, [row for row in of_task if row["agent"] == agent], quantity, factor, f"C{number}")
            panel.axhline(of_task[0]["blind_deg"], color="k", linestyle=":", label="best without seeing the target")
            panel.set(xlabel=label, ylim=(0.0, None))
            panel.grid(alpha=0.3)
    for panel in panels[:, 0]:
        panel.set_ylabel("mean joint error [deg]")
    panels[0, 0].legend(fontsize=8)
    figure.savefig(path, dpi=90)


def _draw(panel: Any, rows: list[dict[str, Any]], quantity: str, factor: float, color: str) -> None:
    """Draw the curves of one agent as far as all of its seeds go."""
    if not rows:
        return
    common = min(len(row["samples"]) for row in rows)
    errors = np.array([row["error_deg"][:common] for row in rows])
    along = factor * np.median([row[quantity][:common] for row in rows], axis=0)
    panel.plot(along, np.median(errors, axis=0), color=color, label=Path(rows[0]["agent"]).stem)
    panel.fill_between(along, errors.min(axis=0), errors.max(axis=0), color=color, alpha=0.2, linewidth=0)
