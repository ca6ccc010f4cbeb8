"""A picture made of triangles without OpenGL: matplotlib's Agg, supersampled."""

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.transforms import IdentityTransform

from msemu.viewer.camera import Camera
from msemu.viewer.drawing.floor import TILE_M, faded, floor_tiles
from msemu.viewer.drawing.image import SUPERSAMPLING, averaged_down

_DPI = 100

QUAD = [[0, 1, 2], [0, 2, 3]]
"""Two triangles of a quadrilateral."""

_SQUARE = np.array([[0, 0], [1, 0], [1, 1], [0, 1]])


class Canvas:
    """Paints triangles one over the other, in a picture of some width and height [pixel].

    Attributes:
        size: Width and height that is painted on, before it is averaged down [pixel].
    """

    def __init__(self, width: int, height: int):
        self.size = SUPERSAMPLING * width, SUPERSAMPLING * height
        self._canvas = FigureCanvasAgg(Figure((self.size[0] / _DPI, self.size[1] / _DPI), dpi=_DPI))

    def clear(self) -> None:
        """Begin a picture."""
        self._canvas.get_renderer().clear()

    def paint(self, triangles: np.ndarray, colors: np.ndarray) -> None:
        """Paint triangles in the given order; corners [N, 3, 2] in pixels from the top, colors [N, 3, 4]."""
        corners = triangles.astype(float)
        corners[..., 1] = self.size[1] - corners[..., 1]
        renderer = self._canvas.get_renderer()
        renderer.draw_gouraud_triangles(renderer.new_gc(), corners, colors, IdentityTransform())

    def paint_floor(self, camera: Camera) -> None:
        """Paint the floor tiles."""
        tiles, colors = floor_tiles(camera.lookat)
        ground = (tiles[:, None] + _SQUARE * TILE_M)[:, QUAD].reshape(-1, 3, 2)
        colors = faded(np.repeat(colors, 2, axis=0)[:, None], ground, camera.lookat)
        points = np.concatenate([ground, np.zeros((*ground.shape[:2], 1))], axis=-1)
        self.paint(camera.project(points, *self.size)[..., :2], opaque(colors))

    def picture(self) -> np.ndarray:
        """Red, green and blue of the picture, shape [height, width, 3], uint8."""
        return averaged_down(np.asarray(self._canvas.buffer_rgba())[..., :3])


def strips(
    first: np.ndarray, last: np.ndarray, width: np.ndarray, edge: float, end_width: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return four triangles for each segment, two on either side of its middle line, which make it look round.

    Args:
        first: Where the segments begin [pixel], shape [S, 2].
        last: Where they end, shape [S, 2].
        width: Half of their width [pixel], shape [S].
        edge: Brightness at the edge against the middle.
        end_width: Half of their width where they end [pixel], shape [S]; the same by default.

    Returns:
        Corners [pixel], shape [S, 4, 3, 2], and the brightness of each, shape [4, 3].
    """
    along = last - first
    along = along / np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-9)
    across = np.stack([-along[:, 1], along[:, 0]], axis=1)
    near, far = (across * half[:, None] for half in (width, width if end_width is None else end_width))
    halves = [(first + side * near, first, last, last + side * far) for side in (-1, 1)]
    triangles = np.concatenate([np.stack(half, axis=1)[:, QUAD] for half in halves], axis=1)
    return triangles, np.tile(np.array([edge, 1.0, 1.0, edge])[np.array(QUAD)], (2, 1))


def opaque(colors: np.ndarray) -> np.ndarray:
    """Add full opacity to colors, shape [..., 3]."""
    return np.concatenate([colors, np.ones((*colors.shape[:-1], 1))], axis=-1)
