"""The points and the segments of a person."""
