"""Figures of an atlas: the map of its solutions, bands of muscles, joints and ground force over the cycle."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from msemu.analysis.solutions.plots import grid, shown_muscles
from msemu.analysis.study.atlas import BASE, Atlas

_BLUE, _ORANGE = "#0072b2", "#d55e00"
_JOINTS = ("hip_flexion_r", "hip_adduction_r", "knee_angle_r", "ankle_angle_r")


def map_figure(atlas: Atlas) -> Figure:
    """Draw the kept solutions in the plane of the first two principal components of their activations."""
    plane, shares = atlas.map()
    figure = Figure(figsize=(7.5, 6), layout="constrained")
    axis = figure.subplots()
    distinct = np.isin(atlas.kept, atlas.distinct)
    for chosen, color, label in ((~distinct, "0.7", "within the spread of another"), (distinct, _BLUE, "distinct")):
        axis.scatter(plane[chosen, 0], plane[chosen, 1], s=16, color=color, label=f"{label}: {chosen.sum()}")
    for place, point in zip(atlas.kept, plane, strict=True):
        if not atlas.names[place].startswith("random"):
            axis.annotate(atlas.names[place], point, fontsize=7, xytext=(3, 3), textcoords="offset points")
    shown = [*(100.0 * shares[:2]), 0.0, 0.0]
    axis.set(xlabel=f"component 1 ({shown[0]:.0f} %)", ylabel=f"component 2 ({shown[1]:.0f} %)")
    axis.set_title("Map of the solutions: activations over the cycle", fontsize=11)
    axis.legend(fontsize=8)
    return figure


def muscle_figure(atlas: Atlas, muscle_names: Sequence[str]) -> Figure:
    """Draw the activation of some muscles in all distinct solutions, and in the base."""
    chosen = np.ones(len(muscle_names), bool)
    muscles = shown_muscles(muscle_names, chosen)
    figure, axes = grid(len(muscles), "Activation over the cycle: all distinct solutions")
    for axis, muscle in zip(axes, muscles, strict=True):
        _band(axis, atlas, atlas.courses.activation[:, :, muscle], muscle_names[muscle])
        axis.set_ylim(-0.02, 1.02)
    axes[0].legend(fontsize=6)
    return figure


def movement_figure(atlas: Atlas, joint_names: Sequence[str]) -> Figure:
    """Draw joint angles and ground force of all distinct solutions on top of each other."""
    joints = [joint_names.index(name) for name in _JOINTS if name in joint_names] or [*range(min(4, len(joint_names)))]
    figure, axes = grid(len(joints) + 4, "Kinematics and ground force: all distinct solutions")
    for axis, joint in zip(axes, joints, strict=False):
        _band(axis, atlas, atlas.courses.angle_deg[:, :, joint], f"{joint_names[joint]} [deg]")
    rest = ((foot, place) for foot in (0, 1) for place in (2, 0))
    for axis, (foot, place) in zip(axes[len(joints) :], rest, strict=True):
        side, way = ("right", "left")[foot], {2: "up", 0: "forward"}[place]
        _band(axis, atlas, atlas.courses.ground_bw[:, :, foot, place], f"{side} foot, {way} [BW]")
    axes[0].legend(fontsize=6)
    return figure


def _band(axis: Axes, atlas: Atlas, values: np.ndarray, title: str) -> None:
    """Draw the least, the quarters and the greatest of the distinct solutions' values [S, B]."""
    percent = np.linspace(0.0, 100.0, values.shape[1])
    if len(atlas.distinct):
        low, first, third, high = np.quantile(values[atlas.distinct], (0.0, 0.25, 0.75, 1.0), axis=0)
        axis.fill_between(percent, low, high, color=_BLUE, alpha=0.2, linewidth=0, label="all")
        axis.fill_between(percent, first, third, color=_BLUE, alpha=0.4, linewidth=0, label="half of them")
    axis.plot(percent, values[0], color=_ORANGE, linewidth=1, label=BASE)
    axis.set_title(title, fontsize=9)
    axis.set_xlabel("clip [%]", fontsize=8)
