"""Plots of a static optimization over the gait cycle."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from msemu.analysis.gait.cycles import LOADED_BW, over_cycles
from msemu.analysis.static_optimization.report import region_forces
from msemu.control.gait_phase import PERCENT, find_stances, find_strikes
from msemu.control.static_optimization import StaticOptimization
from msemu.files import save_figure

_LEG_MUSCLES = (
    *("soleus", "gasmed", "tibant", "vaslat", "recfem", "bflh"),
    *("semimem", "glmax1", "glmed1", "iliacus", "addlong", "perlong"),
)
_LEG_JOINTS = ("hip_flexion", "hip_adduction", "hip_rotation", "knee_angle", "ankle_angle", "subtalar_angle")
_SIDES = {"r": ("right", "#d55e00"), "l": ("left", "#0072b2")}


def gait_cycles(result: StaticOptimization, fps: float, cyclic: bool) -> dict[str, list[np.ndarray]]:
    """Return the frames of each gait cycle of either side, ``r`` and ``l``, from one foot strike to the next.

    The one cycle of a cyclic clip is turned round to begin with the strike. A foot that does not strike (twice, without
    a cycle) has none.
    """
    forces = region_forces(result)
    cycles: dict[str, list[np.ndarray]] = {}
    for side in _SIDES:
        stands = find_stances(forces[f"foot_{side}"][:, 2] > LOADED_BW * result.body_weight, fps, cyclic)
        strikes = find_strikes(stands, cyclic)
        frames = np.arange(len(stands))
        if cyclic:
            cycles[side] = [np.roll(frames, -_main_strike(strikes, stands))] if len(strikes) else []
        else:
            cycles[side] = [frames[begin:end] for begin, end in pairwise(strikes)]
    return cycles


def plot_static_optimization(
    result: StaticOptimization, time: np.ndarray, cyclic: bool, title: str, folder: Path
) -> list[Path]:
    """Draw activations, joint torques and contact forces, each over the gait cycle of its side where both have one.

    The clip's instants are ``time`` [s], shape [T]. The PNG files' paths are returned.
    """
    cycles = gait_cycles(result, 1.0 / (time[1] - time[0]), cyclic)
    cycles = cycles if all(cycles.values()) else {side: [] for side in cycles}
    muscles, bars = _plot_sides(_LEG_MUSCLES, result.muscle_names, [(result.activation, {})], time, cycles)
    for axis in bars:
        axis.set_ylim(-0.02, 1.02)
    curves = [(result.net_torque, {"linestyle": ":", "linewidth": 2.5}), (result.muscle_torque, {})]
    joints, axes = _plot_sides(_LEG_JOINTS, result.dof_names, curves, time, cycles)
    torques = f"{title}: joint torque [N m], dotted: required, line: by muscles"
    return [
        _finish(muscles, bars, cycles, f"{title}: activation [-]", folder / "activations.png"),
        _finish(joints, axes, cycles, torques, folder / "joint_torques.png"),
        _plot_contacts(result, time, cycles, title, folder / "contact_forces.png"),
    ]


def _main_strike(strikes: np.ndarray, stands: np.ndarray) -> int:
    """Return the strike that begins the longest stance of a cycle."""
    turned = [np.roll(stands, -strike) for strike in strikes]
    lengths = [len(stance) if stance.all() else int(np.argmin(stance)) for stance in turned]
    return int(strikes[int(np.argmax(lengths))])


def _plot_sides(
    wanted: tuple[str, ...],
    names: tuple[str, ...],
    curves: list[tuple[np.ndarray, dict[str, Any]]],
    time: np.ndarray,
    cycles: dict[str, list[np.ndarray]],
) -> tuple[Figure, list[Axes]]:
    """Draw curves, shape [T, N] with a style each, of the wanted ones of N names, both sides in a panel."""
    shown = [name for name in wanted if f"{name}_r" in names]
    figure, axes = _grid(len(shown))
    for axis, name in zip(axes, shown, strict=True):
        for side in _SIDES:
            for values, style in curves:
                _draw(axis, time, values[:, names.index(f"{name}_{side}")], cycles[side], side, style)
        axis.set(title=name)
    return figure, axes


def _plot_contacts(
    result: StaticOptimization, time: np.ndarray, cycles: dict[str, list[np.ndarray]], title: str, path: Path
) -> Path:
    forces = region_forces(result)
    figure, axes = _grid(4)
    for axis, (index, name) in zip(axes, enumerate(("forward", "leftward", "vertical")), strict=False):
        for side in _SIDES:
            _draw(axis, time, forces[f"foot_{side}"][:, index] / result.body_weight, cycles[side], side)
        axis.set(title=f"{name} force on the foot [body weights]")
    axes[3].plot(time, result.root_force_residual, color="black", label="explained by no contact")
    vertical = np.sum(list(forces.values()), axis=0)[:, 2] / result.body_weight
    axes[3].plot(time, vertical, color="0.6", label="vertical, of all contacts")
    axes[3].set(title="force on the root [body weights]", xlabel="time [s]")
    axes[3].legend(fontsize=8)
    axes[3].set_ylim(0, 1.4 * axes[3].get_ylim()[1])
    axes[3].title.set_fontsize(10)
    return _finish(figure, axes[:3], cycles, f"{title}: contact forces", path)


def _grid(count: int) -> tuple[Figure, list[Axes]]:
    columns = 2 if count <= 4 else 3
    rows = max(1, -(-count // columns))
    figure = Figure(figsize=(4.2 * columns, 2.6 * rows + 0.6), layout="constrained")
    axes = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axis in axes[count:]:
        axis.remove()
    return figure, axes[:count]


def _draw(
    axis: Axes,
    time: np.ndarray,
    values: np.ndarray,
    cycles: list[np.ndarray],
    side: str,
    style: dict[str, Any] | None = None,
) -> None:
    """Draw the mean over the cycles against percent of the cycle, or against time when there is none."""
    name, color = _SIDES[side]
    style = {"color": color, "linewidth": 1.2, **(style or {"label": name})}
    if not cycles:
        axis.plot(time, values, **style)
        return
    curves = over_cycles(values, cycles)
    axis.plot(PERCENT, np.mean(curves, axis=0), **style)
    if len(curves) > 1 and "linestyle" not in style:
        axis.fill_between(PERCENT, *np.percentile(curves, [0, 100], axis=0), color=color, alpha=0.15)


def _finish(figure: Figure, axes: list[Axes], cycles: dict[str, list[np.ndarray]], title: str, path: Path) -> Path:
    label = "gait cycle of the side [%]" if all(cycles.values()) else "time [s]"
    for axis in axes:
        axis.set_xlabel(label, fontsize=8)
        axis.title.set_fontsize(10)
    if axes:
        axes[0].legend(fontsize=8)
    figure.suptitle(title, fontsize=11)
    return save_figure(figure, path)
