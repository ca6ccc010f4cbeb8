"""Powers, work and metabolic cost of a movement."""
