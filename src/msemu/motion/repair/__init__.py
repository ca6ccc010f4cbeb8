"""Repair of clips: flights that are free flights, stances that the floor can carry."""
