"""The catalogue of clips: which there are, and how they are obtained."""
