"""The best linear feedback on linear models of successive windows."""

from collections.abc import Sequence

import numpy as np

from msemu.tracking.feedback.regression import LinearModel


def regulator(models: Sequence[LinearModel], weight: np.ndarray, effort: np.ndarray) -> np.ndarray:
    """Return gains K with actions ``K x`` that minimize the sum of ``x^T weight x + u^T effort u`` to the end.

    A time-varying linear-quadratic regulator (Anderson & Moore 1990, ISBN 0-13-638651-2, section 2.4).

    Args:
        models: Models of W windows.
        weight: Weights of squared deviations, shape [X].
        effort: Weights of squared actions, shape [U].

    Returns:
        Gains, shape [W, U, X].
    """
    value, gains = np.diag(weight), []
    for model in reversed(models):
        reach = model.input.T @ value
        gain = -np.linalg.solve(np.diag(effort) + reach @ model.input, reach @ model.state)
        value = np.diag(weight) + model.state.T @ value @ (model.state + model.input @ gain)
        value = 0.5 * (value + value.T)
        gains.append(gain)
    return np.stack(gains[::-1])
