"""``msemu-analyze``."""
