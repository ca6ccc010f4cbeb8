"""Learning a linear feedback about a clip from many disturbed bodies."""
