"""Action spaces: how the policy's output becomes muscle excitation. Their values are in ``cfg/action``."""
