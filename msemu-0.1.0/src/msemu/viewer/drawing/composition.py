"""The layout of a video frame: pictures side by side, a caption and the color scale of the muscles."""

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from msemu.viewer.muscle_coloring import Coloring
from msemu.viewer.palette import activation_colors

_DPI = 100
_HEADER, _FOOTER = 0.12, 0.085
"""Share of the height above and below the pictures."""

_INK, _FAINT_INK = "#22262b", "#6a7077"


class Composition:
    """Puts pictures and words together.

    Args:
        width: Width of the frame [pixel].
        height: Height of the frame [pixel].
        title: Heading of the video.
        labels: One label for each picture, from left to right.
        coloring: What colors the muscles, for the scale; None leaves the scale out.
    """

    def __init__(self, width: int, height: int, title: str, labels: list[str], coloring: Coloring | None):
        self._figure = Figure((width / _DPI, height / _DPI), dpi=_DPI, facecolor="white")
        self._canvas = FigureCanvasAgg(self._figure)
        self._point = 72 / _DPI * height / 540
        self._top = round(_HEADER * height)
        self.pane_width = width // len(labels)
        self.pane_height = height - self._top - round(_FOOTER * height)
        self._text(0.015, 0.965, 17, title, weight="bold")
        self._clock = self._text(0.985, 0.965, 17, "", horizontalalignment="right", family="monospace")
        for column, label in enumerate(labels):
            self._text(column / len(labels) + 0.015, 0.91, 15, label, color=_FAINT_INK)
        self._caption = self._text(0.015, _FOOTER / 2, 15, "")
        if coloring is not None:
            self._add_scale(width, height, coloring)

    def _text(self, x: float, y: float, size: float, text: str, **style):
        style = {"color": _INK, "verticalalignment": "center", **style}
        return self._figure.text(x, y, text, fontsize=size * self._point, parse_math=False, **style)

    def _add_scale(self, width: int, height: int, coloring: Coloring) -> None:
        bar = activation_colors(np.linspace(0, 1, round(0.15 * width)))[None].repeat(round(0.02 * height), axis=0)
        left = 0.8
        self._figure.figimage(bar, xo=round(left * width), yo=round((_FOOTER - 0.02) / 2 * height), zorder=1)
        self._text(
            left - 0.01,
            _FOOTER / 2,
            13,
            f"{coloring.label}  {coloring.low:g}",
            horizontalalignment="right",
            color=_FAINT_INK,
        )
        self._text(0.965, _FOOTER / 2, 13, f"{coloring.high:g}", color=_FAINT_INK)

    def compose(self, pictures: list[np.ndarray], clock: str, caption: str) -> np.ndarray:
        """Return one frame.

        Args:
            pictures: One picture for each label, each [pane_height, pane_width, 3], uint8.
            clock: Text at the upper right.
            caption: Text at the lower left.

        Returns:
            Red, green and blue, shape [height, width, 3], uint8.
        """
        self._clock.set_text(clock)
        self._caption.set_text(caption)
        self._canvas.draw()
        frame = np.asarray(self._canvas.buffer_rgba())[..., :3].copy()
        for column, picture in enumerate(pictures):
            left = column * self.pane_width
            frame[self._top : self._top + self.pane_height, left : left + self.pane_width] = picture
        return frame
