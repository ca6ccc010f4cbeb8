"""Exploration noise that is not independent: between actions, and over time."""
