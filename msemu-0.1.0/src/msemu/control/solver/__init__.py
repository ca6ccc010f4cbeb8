"""Bounded least squares for many problems at once."""
