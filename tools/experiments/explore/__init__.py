"""Exploration and learning over the number of actions and muscles: ``cd tools/experiments; python -m explore --help``."""
