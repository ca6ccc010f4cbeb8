"""Bringing a recorded movement onto a body."""
