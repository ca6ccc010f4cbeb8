"""How figures are timed and shown: rounds, medians and quartiles, tables, JSON."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from rich.console import Console, RenderableType

from msemu.console import write_json


def seconds(work: Callable[[], object], device: torch.device | str = "cpu") -> float:
    """Time that some work takes, to the end of what it starts on a device [s]."""
    synchronize(device)
    start = time.perf_counter()
    work()
    synchronize(device)
    return time.perf_counter() - start


def synchronize(device: torch.device | str) -> None:
    """Wait for the work of a CUDA device."""
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize(device)


def in_rounds(measure: Callable[[int], ArrayLike], rounds: int) -> np.ndarray:
    """Measure several times, after a round that warms caches and threads up and is dropped, shape [rounds, ...].

    What a round measures in turn is compared within it, so that ratios hold on a busy machine. ``measure`` takes the
    number of the round.
    """
    return np.array([measure(number) for number in range(rounds + 1)][1:])


def summary(values: np.ndarray | Sequence[float]) -> dict[str, Any]:
    """Median and quartiles of some timings."""
    return {"median": float(np.median(values)), "quartiles": np.percentile(values, [25, 75]).tolist()}


def named_summary(**figures: np.ndarray | Sequence[float]) -> dict[str, Any]:
    """Median and quartiles of several figures: for ``ratio``, the keys ``ratio`` and ``ratio_quartiles``."""
    named: dict[str, Any] = {}
    for key, values in figures.items():
        found = summary(values)
        named |= {key: found["median"], f"{key}_quartiles": found["quartiles"]}
    return named


def cells(median: float, quartiles: list[float], digits: int) -> tuple[str, str]:
    """Median and quartiles as a table shows them."""
    low, high = quartiles
    return f"{median:.{digits}f}", f"{low:.{digits}f}-{high:.{digits}f}"


def publish(figures: dict[str, Any], json: Path | None, *shown: RenderableType) -> None:
    """Print tables and lines, and write the figures to a JSON file if one is named."""
    for item in shown:
        Console().print(item, highlight=False)
    if json:
        write_json(json, figures)
