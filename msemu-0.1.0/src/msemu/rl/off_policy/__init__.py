"""Learning from a memory: CrossQ and Qflex."""
