"""Many policies of one movement side by side: which muscles they take, how far apart they are, what they bear."""
