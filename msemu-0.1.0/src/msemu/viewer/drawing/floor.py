"""A tiled floor around the body that shows how far it moves."""

import numpy as np

from msemu.viewer.palette import BACKGROUND_RGB, TILE_RGB

TILE_M = 0.5
_RADIUS_M = 3.0


def floor_tiles(lookat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the lower corners [m] of the tiles near a point, shape [N, 2], and their colors, shape [N, 3]."""
    reach = int(_RADIUS_M / TILE_M)
    middle = np.floor(lookat[:2] / TILE_M).astype(int)
    tile = middle + np.stack(np.meshgrid(*[np.arange(-reach, reach + 1)] * 2), axis=-1).reshape(-1, 2)
    return tile * TILE_M, TILE_RGB[tile.sum(axis=1) % 2]


def faded(colors: np.ndarray, ground: np.ndarray, lookat: np.ndarray) -> np.ndarray:
    """Blend floor colors [..., 3] into the background with distance [m] of ``ground`` [..., 2] from ``lookat`` [3]."""
    nearness = np.clip(1.0 - np.linalg.norm(ground - lookat[:2], axis=-1) / _RADIUS_M, 0.0, 1.0)
    return BACKGROUND_RGB + (colors - BACKGROUND_RGB) * nearness[..., None] ** 0.7
