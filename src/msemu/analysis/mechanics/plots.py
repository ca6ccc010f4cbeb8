"""Plots of ground reaction, joint moments, powers and joint reaction, over the gait cycle where both feet have one."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from msemu.analysis.gait.cycles import over_cycles
from msemu.analysis.mechanics.gait_cycles import cycles_of, has_cycles
from msemu.analysis.mechanics.joint_reaction import JointReaction
from msemu.analysis.mechanics.movement import MechanicalMovement
from msemu.control.gait_phase import PERCENT
from msemu.files import save_figure

SIDES = {"r": ("right", "#d55e00"), "l": ("left", "#0072b2")}
_JOINTS = ("hip_flexion", "hip_adduction", "knee_angle", "ankle_angle")


def ground_figure(movement: MechanicalMovement) -> Figure:
    """Draw the force of the floor on each foot in body weights: forward, to the left, up."""
    figure = Figure(figsize=(9, 6.5), layout="constrained")
    for axis, place, label in zip(
        figure.subplots(3, 1, sharex=True), (2, 0, 1), ("up", "forward", "left"), strict=True
    ):
        for side in SIDES:
            region = f"foot_{side}"
            if region in movement.ground.regions:
                index = movement.ground.regions.index(region)
                draw(axis, movement, side, movement.ground.force[:, index, place] / movement.body.weight)
        axis.set_ylabel(f"{label} [body weights]")
    return finished(figure, movement, "ground reaction of each foot")


def joint_figure(movement: MechanicalMovement, quantity: str) -> Figure:
    """Draw ``moment`` [N m/kg] or ``power`` [W/kg] of hips, knees and ankles."""
    values = (movement.joint_moment if quantity == "moment" else movement.joint_power) / movement.body.mass
    names = movement.joint_names
    shown = [name for name in _JOINTS if f"{name}_r" in names]
    figure = Figure(figsize=(9, 1.0 + 1.9 * len(shown)), layout="constrained")
    for axis, name in zip(figure.subplots(len(shown), 1, sharex=True, squeeze=False)[:, 0], shown, strict=True):
        for side in SIDES:
            draw(axis, movement, side, values[:, names.index(f"{name}_{side}")])
        axis.set_ylabel(name.replace("_", " "))
    unit = "N m/kg" if quantity == "moment" else "W/kg"
    sign = "positive as the joint's angle" if quantity == "moment" else "positive drives the movement"
    return finished(figure, movement, f"joint {quantity} [{unit}], {sign}")


def reaction_figure(movement: MechanicalMovement, reaction: JointReaction) -> Figure:
    """Draw the size of the joint reaction [body weights], that at the spine's base over the right foot's cycle."""
    shown = [name for name in ("hip", "knee", "ankle") if f"{name}_r" in reaction.names]
    rows = len(shown) + ("lumbar" in reaction.names)
    figure = Figure(figsize=(9, 1.0 + 1.9 * rows), layout="constrained")
    axes = figure.subplots(rows, 1, sharex=True, squeeze=False)[:, 0]
    for axis, name in zip(axes, shown, strict=False):
        for side in SIDES:
            draw(axis, movement, side, reaction.magnitude_bw[:, reaction.names.index(f"{name}_{side}")])
        axis.set_ylabel(f"{name} [BW]")
    if "lumbar" in reaction.names:
        draw(axes[-1], movement, "r", reaction.magnitude_bw[:, reaction.names.index("lumbar")])
        axes[-1].set_ylabel("lumbar [BW]")
    return finished(figure, movement, "joint reaction, muscles included [body weights]")


def draw(axis: Axes, movement: MechanicalMovement, side: str, values: np.ndarray) -> None:
    """Draw a signal, shape [T], of one side: mean and deviation over its cycles, else over time; see `has_cycles`."""
    label, color = SIDES[side]
    if not has_cycles(movement):
        axis.plot(movement.time, values, color=color, label=label, linewidth=1.2)
        axis.set_xlabel("time [s]")
        return
    courses = over_cycles(values, cycles_of(movement, side))
    mean, spread = courses.mean(0), courses.std(0)
    axis.plot(PERCENT, mean, color=color, label=f"{label}, {len(courses)} cycles", linewidth=1.4)
    axis.fill_between(PERCENT, mean - spread, mean + spread, color=color, alpha=0.2, linewidth=0)
    axis.set_xlabel("gait cycle of the side's own foot [%]")


def plot_mechanics(movement: MechanicalMovement, reaction: JointReaction, folder: Path) -> list[Path]:
    """Draw everything into a folder; the paths are returned."""
    figures = {
        "ground_reaction": ground_figure(movement),
        "joint_moments": joint_figure(movement, "moment"),
        "joint_powers": joint_figure(movement, "power"),
        "joint_reaction": reaction_figure(movement, reaction),
    }
    return [save_figure(figure, folder / f"{name}.png") for name, figure in figures.items()]


def finished(figure: Figure, movement: MechanicalMovement, title: str) -> Figure:
    """Add what every figure has: a line at zero, a legend, a title."""
    for axis in figure.axes:
        axis.axhline(0.0, color="0.6", linewidth=0.7)
        axis.spines[["top", "right"]].set_visible(False)
        axis.label_outer()
    figure.axes[0].legend(frameon=False, loc="upper right")
    figure.suptitle(f"{title}: {movement.title}", fontsize=11)
    return figure
