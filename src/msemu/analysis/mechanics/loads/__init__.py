"""Measured forces of the floor: read, placed under a movement, compared with its own."""
