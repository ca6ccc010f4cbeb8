"""What axis a figure of both sides has."""

from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.figure import Figure

from msemu.analysis.mechanics.plots import draw, reaction_figure


@pytest.mark.parametrize(("steps_of_right", "label"), [(2, "gait cycle"), (1, "time [s]"), (0, "time [s]")])
def test_sides_share_an_axis(steps_of_right: int, label: str) -> None:
    """Percent of the cycle only where both feet have a whole one; the left foot strikes three times."""
    touches = np.zeros((160, 2))
    for side, steps in ((0, steps_of_right), (1, 3)):
        for step in range(steps):
            touches[10 + 50 * step : 40 + 50 * step, side] = 1.0
    force = np.zeros((160, 2, 3))
    force[:, :, 2] = 700.0 * touches
    movement = SimpleNamespace(
        ground=SimpleNamespace(regions=("foot_r", "foot_l"), force=force),
        body=SimpleNamespace(weight=700.0),
        fps=50.0,
        cyclic=False,
        num_frames=160,
        episode_start=np.zeros(160, bool),
        time=np.arange(160) / 50.0,
    )
    axis = Figure().subplots()
    for side in "rl":
        draw(axis, movement, side, touches[:, 0])
    assert axis.get_xlabel().startswith(label)
    lengths = {len(line.get_xdata()) for line in axis.lines}
    assert lengths == ({101} if label == "gait cycle" else {160})


def test_the_base_of_the_spine_has_a_panel_of_its_own() -> None:
    movement = SimpleNamespace(
        ground=SimpleNamespace(regions=()), num_frames=20, time=np.arange(20) / 50.0, title="a lift"
    )
    reaction = SimpleNamespace(names=("hip_r", "hip_l", "lumbar"), magnitude_bw=np.full((20, 3), [1.0, 2.0, 3.0]))
    axes = reaction_figure(movement, reaction).axes
    assert [axis.get_ylabel() for axis in axes] == ["hip [BW]", "lumbar [BW]"]
    assert axes[1].lines[0].get_ydata().max() == 3.0
