"""Learning muscle excitations from a teacher of another action space: imitation on the student's own states."""
