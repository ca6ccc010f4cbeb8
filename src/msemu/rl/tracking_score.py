"""The measure by which the best checkpoint is chosen."""


def tracking_score_cm(error_cm: float, failures_per_step: float, episode_length: int, failed_error_cm: float) -> float:
    """Return the expected tracking error [cm] over an episode in which the time after a failure counts as failed.

    The error of visited states alone would flatter a policy that falls at once: each reset puts it back on the
    reference. With failure probability p per step, an episode of N control steps is alive for the share
    (1 - (1 - p)^N) / (N p) of its time.
    """
    p = failures_per_step
    alive = 1.0 if p == 0.0 else (1.0 - (1.0 - p) ** episode_length) / (episode_length * p)
    return alive * min(error_cm, failed_error_cm) + (1.0 - alive) * failed_error_cm
