"""Rewards from discriminators: ADD and AMP."""
