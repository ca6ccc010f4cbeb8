"""What the floor does to a body along a movement: implied by it, or measured."""
