"""How the bodies of the environments differ from one another."""

from dataclasses import dataclass

import numpy as np

from msemu.schema import RandomizationCfg


@dataclass(frozen=True)
class Variation:
    """Factors of one model's properties, one for each of E environments.

    Attributes:
        mass: Factor of the mass and the inertia of every part [-], shape [E].
        friction: Factor of the sliding friction of every contact [-], shape [E].
    """

    mass: np.ndarray
    friction: np.ndarray

    def __getitem__(self, environments: range) -> "Variation":
        """Return the factors of some successive environments."""
        rows = slice(environments.start, environments.stop)
        return Variation(mass=self.mass[rows], friction=self.friction[rows])


def draw_variation(cfg: RandomizationCfg, num_envs: int, seed: int) -> Variation | None:
    """Draw the factors, uniformly; None when all environments are alike."""
    ranges = {"mass": cfg.mass, "friction": cfg.friction}
    if all(limits == (1.0, 1.0) for limits in ranges.values()):
        return None
    random = np.random.default_rng(seed)
    return Variation(**{name: random.uniform(*limits, num_envs) for name, limits in ranges.items()})
