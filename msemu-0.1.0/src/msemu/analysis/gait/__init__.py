"""Muscle activity over the gait cycle."""
