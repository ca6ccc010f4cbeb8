"""The points that every body has."""

LANDMARKS = (
    "pelvis",
    "thorax",
    "head",
    *(f"{joint}_{side}" for side in "rl" for joint in ("hip", "knee", "ankle", "toe", "shoulder", "elbow", "wrist")),
)
"""The 17 landmarks that every recipe names: joint centers, and the middle of pelvis, thorax and head."""
