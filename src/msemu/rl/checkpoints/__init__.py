"""Checkpoints: the file, and what of it goes on in a run."""
