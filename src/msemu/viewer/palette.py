"""How things look in every renderer: colors and widths."""

import numpy as np

BONE_RGB = np.array([0.86, 0.76, 0.58])
REFERENCE_RGB = np.array([0.74, 0.83, 0.95])
SOURCE_RGB = np.array([0.93, 0.55, 0.20])
CONTACT_RGB = np.array([0.25, 0.65, 0.45])
BACKGROUND_RGB = np.array([1.0, 1.0, 1.0])
TILE_RGB = np.array([[0.955, 0.955, 0.95], [0.88, 0.89, 0.895]])
FORCE_RGB = np.array([0.13, 0.62, 0.27])
SHADOW_RGB = np.array([0.72, 0.73, 0.74])

_ACTIVATION_STOPS = np.array([0.0, 0.3, 0.65, 1.0])
_ACTIVATION_RGB = np.array([[0.22, 0.28, 0.42], [0.47, 0.27, 0.50], [0.80, 0.18, 0.30], [1.00, 0.10, 0.05]])
_MUSCLE_RADIUS_M = (0.0025, 0.0055)
_MUSCLE_OPACITY = (0.55, 1.0)


def activation_colors(activation: np.ndarray) -> np.ndarray:
    """Return a color in [0, 1] for each activation, shape [..., 3]: dark blue-gray at rest, red at full activation."""
    clipped = np.clip(activation, 0.0, 1.0)
    return np.stack([np.interp(clipped, _ACTIVATION_STOPS, channel) for channel in _ACTIVATION_RGB.T], axis=-1)


def muscle_radius_m(activation: np.ndarray) -> np.ndarray:
    """Return the drawn radius [m]: what works stands out by width as well as by color."""
    return np.interp(activation, [0, 1], _MUSCLE_RADIUS_M)


def muscle_opacity(activation: np.ndarray) -> np.ndarray:
    """Return the opacity in [0, 1]: muscles at rest let the bones show through."""
    return np.interp(activation, [0, 1], _MUSCLE_OPACITY)
