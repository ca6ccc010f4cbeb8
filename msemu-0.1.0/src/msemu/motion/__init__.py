"""Recorded movements: clips, references, and what is known of them without a simulation."""
