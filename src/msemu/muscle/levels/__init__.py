"""Levels of fidelity of a muscle, one module each, and their curves."""
