"""Edits that turn a source model into a body."""
