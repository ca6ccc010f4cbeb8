"""Muscle activation over the gait cycle beside the bursts of a textbook."""

from matplotlib.figure import Figure

from msemu.analysis.mechanics.gait_cycles import has_cycles
from msemu.analysis.mechanics.movement import MechanicalMovement
from msemu.analysis.mechanics.plots import SIDES, draw, finished
from msemu.control.textbook_timing import TextbookTiming

_BAND = (-0.09, 0.06)


def activation_figure(movement: MechanicalMovement) -> Figure | None:
    """Draw the muscles that the textbook knows, its bursts as bars below; None if body or movement do not walk."""
    timing = TextbookTiming.named()
    known = {f"{muscle}_{side}" for channel in timing.channels.values() for muscle in channel.muscles for side in SIDES}
    if not known <= set(movement.body.muscle_names) or not has_cycles(movement):
        return None
    columns = 3
    rows = -(-len(timing.channels) // columns)
    figure = Figure(figsize=(11, 1.0 + 1.6 * rows), layout="constrained")
    axes = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
    for axis in axes[len(timing.channels) :]:
        axis.remove()
    for side in SIDES:
        courses = movement.muscles.activation @ timing.weights(movement.body, side)
        for axis, course in zip(axes, courses.T, strict=False):
            draw(axis, movement, side, course)
    for axis, (name, channel) in zip(axes, timing.channels.items(), strict=False):
        bursts = [(begin, end - begin) for begin, end in channel.bursts]
        axis.broken_barh(bursts, _BAND, color="0.25")
        axis.set_title(name, fontsize=9, loc="left")
        axis.set_ylim(-0.1, 1.02)
    return finished(figure, movement, f"activation; bars: {timing.source}")
