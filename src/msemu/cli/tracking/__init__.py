"""``msemu-track`` and ``msemu-stabilize``."""
