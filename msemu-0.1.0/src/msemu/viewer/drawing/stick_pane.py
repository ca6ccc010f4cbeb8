"""Pictures of a stick figure: the recorded movement beside the body that follows it."""

import numpy as np

from msemu.viewer.camera import Camera
from msemu.viewer.drawing.canvas import Canvas, opaque, strips
from msemu.viewer.palette import SHADOW_RGB, SOURCE_RGB

_RADIUS_M = 0.018
_EDGE = 0.7
"""Brightness at the edge of a stick against its middle; makes it look round."""


class StickPane:
    """Draws a stick figure in a picture of some width and height [pixel]."""

    def __init__(self, width: int, height: int):
        self._canvas = Canvas(width, height)

    def draw(self, segments: np.ndarray, camera: Camera) -> np.ndarray:
        """Return the picture of the segments [m], shape [S, 2, 3], as [height, width, 3], uint8."""
        canvas = self._canvas
        canvas.clear()
        canvas.paint_floor(camera)
        shadow, _ = self._strips(segments * [1.0, 1.0, 0.0], camera)
        canvas.paint(shadow, opaque(np.broadcast_to(SHADOW_RGB, (*shadow.shape[:2], 3))))
        triangles, brightness = self._strips(segments, camera)
        canvas.paint(triangles, opaque(SOURCE_RGB * brightness[..., None]))
        return canvas.picture()

    def _strips(self, segments: np.ndarray, camera: Camera) -> tuple[np.ndarray, np.ndarray]:
        """Return four triangles for each segment, the far ones first, and the brightness of their corners."""
        ends = camera.project(segments, *self._canvas.size)
        ends = ends[np.argsort(-ends[..., 2].mean(axis=1))]
        width = _RADIUS_M * camera.pixels_per_m(ends[..., 2].mean(axis=1), self._canvas.size[1])
        triangles, brightness = strips(ends[:, 0, :2], ends[:, 1, :2], width, _EDGE)
        return triangles.reshape(-1, 3, 2), np.tile(brightness, (len(segments), 1))
