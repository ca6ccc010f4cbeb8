"""Smoothing of outlines."""

import numpy as np

SUPERSAMPLING = 2
"""Pictures are made this much larger in both directions and averaged down."""


def averaged_down(image: np.ndarray) -> np.ndarray:
    """Return the mean over blocks of `SUPERSAMPLING` squared pixels, shape [height, width, 3], uint8."""
    sums = np.zeros((image.shape[0] // SUPERSAMPLING, image.shape[1] // SUPERSAMPLING, 3), np.uint16)
    for row in range(SUPERSAMPLING):
        for column in range(SUPERSAMPLING):
            sums += image[row::SUPERSAMPLING, column::SUPERSAMPLING]
    return (sums // SUPERSAMPLING**2).astype(np.uint8)
