"""Learning: the runner around rsl-rl, PPO, checkpoints, run folders and the policies that come with msemu."""
