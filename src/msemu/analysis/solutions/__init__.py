"""Which other muscle patterns make the same movement: bounds, samples and measures of them."""
