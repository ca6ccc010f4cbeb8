"""Muscle parameters from published architecture, fitted on a body's own paths."""
