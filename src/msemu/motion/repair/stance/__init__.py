"""Repair of stance: poses that the floor can carry."""
