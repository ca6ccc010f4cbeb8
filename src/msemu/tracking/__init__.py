"""A muscle-driven simulation of a clip without learning: a search over the targets of the muscle controller."""
