"""What follows of deviations and actions over a window, as linear as it can be seen in samples."""

from dataclasses import dataclass

import numpy as np

from msemu.tracking.feedback.settings import FeedbackCfg


@dataclass(frozen=True)
class Samples:
    """What N bodies did in a window.

    Attributes:
        before: Deviations at its beginning, shape [N, X].
        action: Actions in it, shape [N, U].
        after: Deviations at its end, shape [N, X].
    """

    before: np.ndarray
    action: np.ndarray
    after: np.ndarray

    def and_others(self, others: "Samples") -> "Samples":
        """Return these and other samples of the same window."""
        pairs = zip(vars(self).values(), vars(others).values(), strict=True)
        return Samples(*(np.concatenate(pair) for pair in pairs))


@dataclass(frozen=True)
class LinearModel:
    """``after = state @ before + input @ action + constant``, all over their scales.

    Attributes:
        state: Shape [X, X].
        input: Shape [X, U].
        explained: Share of the variance of each deviation at the end that it explains [-], shape [X].
    """

    state: np.ndarray
    input: np.ndarray
    explained: np.ndarray


def fit(samples: Samples, cfg: FeedbackCfg) -> LinearModel:
    """Fit a model by ridge regression (Hoerl & Kennard 1970, doi 10.1080/00401706.1970.10488634)."""
    states = samples.before.shape[1]
    joints = samples.action.shape[1] - 6
    scale, tried = cfg.scale.along(joints), cfg.explored.along(joints)
    causes = np.concatenate((samples.before / scale, samples.action / tried, np.ones((len(samples.before), 1))), 1)
    effects = samples.after / scale
    kept = (np.abs(causes) < cfg.outlier).all(1) & (np.abs(effects) < cfg.outlier).all(1)
    causes, effects = causes[kept], effects[kept]
    ridge = np.full(causes.shape[1], cfg.ridge)
    ridge[-1] = 1e-6  # the constant is free
    slopes = np.linalg.solve(causes.T @ causes + np.diag(ridge), causes.T @ effects)
    variance = np.maximum(effects.var(0), 1e-12)
    explained = 1.0 - (effects - causes @ slopes).var(0) / variance
    return LinearModel(slopes[:states].T, slopes[states:-1].T, explained)
