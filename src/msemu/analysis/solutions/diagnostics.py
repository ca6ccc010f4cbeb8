"""Whether Markov chains have forgotten where they began, and how many independent samples they are worth."""

import numpy as np


def split_r_hat(chains: np.ndarray) -> np.ndarray:
    """Return split R-hat of C chains of S samples, shape [C, S, ...] to [...]; 1 when they agree.

    Gelman et al., Bayesian Data Analysis (2013), section 11.4: ``sqrt(((n - 1) / n W + B / n) / W)`` of the halves of
    all chains, n samples each, with W the mean variance within and B / n the variance of the means.
    """
    halves = _halves(chains)
    count = halves.shape[1]
    within, between = halves.var(1, ddof=1).mean(0), halves.mean(1).var(0, ddof=1)
    total = (count - 1) / count * within + between
    return np.sqrt(np.divide(total, within, out=np.ones_like(total), where=within > 0.0))


def effective_samples(chains: np.ndarray) -> np.ndarray:
    """Return the effective sample size of C chains of S samples, shape [C, S, ...] to [...].

    ``C S / (1 + 2 sum rho_t)`` with the autocorrelations of all chains together, summed in pairs that are positive and
    do not increase (Geyer 1992; Vehtari et al. 2021, doi 10.1214/20-BA1221, section 3.2).
    """
    halves = _halves(chains)
    parts, count = halves.shape[:2]
    within = halves.var(1, ddof=1).mean(0)
    total = (count - 1) / count * within + halves.mean(1).var(0, ddof=1)
    centered = halves - halves.mean(1, keepdims=True)
    spectrum = np.fft.rfft(centered, 2 * count, axis=1)
    covariance = np.fft.irfft(np.abs(spectrum) ** 2, axis=1)[:, :count].mean(0) / count
    safe = np.where(total > 0.0, total, 1.0)
    correlation = 1.0 - (within - covariance * count / (count - 1)) / safe
    correlation[0] = 1.0
    pairs = correlation[: count // 2 * 2].reshape(count // 2, 2, *correlation.shape[1:]).sum(1)
    positive = np.cumprod(pairs > 0.0, axis=0)
    time = -1.0 + 2.0 * (np.minimum.accumulate(pairs, axis=0) * positive).sum(0)
    size = parts * count
    return np.where(total > 0.0, size / np.maximum(time, 1.0 / np.log10(size)), size)


def _halves(chains: np.ndarray) -> np.ndarray:
    half = chains.shape[1] // 2
    return np.concatenate((chains[:, :half], chains[:, half : 2 * half])).astype(float)
