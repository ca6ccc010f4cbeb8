"""``msemu-motion``."""
