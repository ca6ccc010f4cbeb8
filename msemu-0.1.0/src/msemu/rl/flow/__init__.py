"""Policies whose noise a flow carries on, and guidance by a learned Q."""
