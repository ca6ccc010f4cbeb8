"""Exploration and learning over the number of actions and muscles: ``python -m explore`` in tools/experiments."""
