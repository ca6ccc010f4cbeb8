"""``msemu-model``."""
