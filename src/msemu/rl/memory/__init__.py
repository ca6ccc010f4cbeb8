"""What algorithms remember beyond a rollout: the ring, what a distillation leaves for it, and its file."""
