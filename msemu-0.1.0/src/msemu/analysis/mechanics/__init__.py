"""Mechanics of a movement: what acts on the body from outside, what the joints carry, what the muscles spend."""
