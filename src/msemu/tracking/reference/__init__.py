"""The clip that a search follows: how it is cut into windows, played at another speed, and gives way."""
