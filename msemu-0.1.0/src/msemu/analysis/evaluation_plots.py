"""Plots of an evaluation."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from msemu.analysis.evaluation import Evaluation
from msemu.analysis.rollout import TrackingErrors
from msemu.files import save_figure


def plot_evaluation(evaluation: Evaluation, errors: TrackingErrors, fps: float, folder: Path) -> list[Path]:
    """Draw errors and muscles over time and the error of each joint; return the paths of the PNG files."""
    return [
        _plot_over_time(errors, fps, folder / "errors_over_time.png"),
        _plot_by_joint(evaluation, folder / "error_by_joint.png"),
        _plot_muscles(errors, fps, folder / "muscles_over_time.png"),
    ]


def _plot_over_time(errors: TrackingErrors, fps: float, path: Path) -> Path:
    figure = Figure(figsize=(9, 7), layout="constrained")
    axes = figure.subplots(3, 1, sharex=True)
    steps, episodes = errors.root_rotation_deg.shape
    time = (1 + np.arange(steps)) / fps
    with np.errstate(all="ignore"):
        _band(axes[0], time, errors.joint_angle_deg.mean(2), "joint angles", "error [deg]")
        _band(axes[0], time, errors.root_rotation_deg, "pelvis rotation", "error [deg]")
        _band(axes[1], time, errors.body_position_cm, "body positions", "error [cm]")
        _band(axes[1], time, errors.root_translation_cm, "pelvis translation", "error [cm]")
    alive = (errors.failed_at[None, :] > np.arange(steps)[:, None]).mean(1)
    axes[2].plot(time, 100.0 * alive, color="black")
    longest = time[min(errors.failed_at.max(), steps - 1)]
    axes[2].set(ylabel="episodes alive [%]", xlabel="time [s]", ylim=(-2, 102), xlim=(0, 1.05 * longest))
    for axis in axes[:2]:
        axis.legend(loc="upper left")
        axis.set_ylim(bottom=0)
    figure.suptitle(f"Tracking error, median and quartiles of the episodes still alive ({episodes} episodes)")
    return save_figure(figure, path, dpi=120)


def _plot_muscles(errors: TrackingErrors, fps: float, path: Path) -> Path:
    muscles = errors.muscles
    panels = [
        (muscles.power_w, "positive power\nof all muscles [W]"),
        (100.0 * muscles.activation, "mean activation [%]"),
    ]
    if np.nanmax(np.abs(muscles.tendon_strain), initial=0.0) > 0:
        panels.append((100.0 * muscles.tendon_strain, "mean tendon strain [%]"))
    figure = Figure(figsize=(9, 2.2 * len(panels) + 0.6), layout="constrained")
    axes = figure.subplots(len(panels), 1, sharex=True)
    time = (1 + np.arange(len(muscles.power_w))) / fps
    for axis, (values, ylabel) in zip(axes, panels, strict=True):
        _band(axis, time, values, "", ylabel)
        axis.set_ylim(bottom=0)
    axes[-1].set_xlabel("time [s]")
    figure.suptitle("Muscles, median and quartiles of the episodes still alive")
    return save_figure(figure, path, dpi=120)


def _band(axis: Axes, time: np.ndarray, values: np.ndarray, label: str, ylabel: str) -> None:
    seen = np.isfinite(values).any(1)
    low, median, high = np.nanpercentile(values[seen], [25, 50, 75], axis=1)
    (line,) = axis.plot(time[seen], median, label=label)
    axis.fill_between(time[seen], low, high, alpha=0.2, color=line.get_color())
    axis.set_ylabel(ylabel)


def _plot_by_joint(evaluation: Evaluation, path: Path) -> Path:
    names = list(evaluation.joint_angle_error_deg_by_joint)
    values = list(evaluation.joint_angle_error_deg_by_joint.values())
    figure = Figure(figsize=(8, 1.5 + 0.18 * len(names)), layout="constrained")
    axis = figure.subplots()
    axis.barh(names, values)
    axis.axvline(evaluation.joint_angle_error_deg, color="black", linewidth=1, label="mean")
    axis.invert_yaxis()
    axis.margins(y=0.01)
    axis.set(xlabel="mean absolute error [deg]", title="Joint-angle error by joint")
    axis.tick_params(axis="y", labelsize=7)
    axis.legend()
    return save_figure(figure, path, dpi=120)
