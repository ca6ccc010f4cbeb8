"""What is repaired of a clip; options name it without loading the repair."""

from typing import Literal

RepairKind = Literal["flight", "contact"]
"""The flights, or all of a clip by what touches the floor."""
