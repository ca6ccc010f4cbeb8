"""The levels of fidelity, in one table. A new level is a module beside this one and a line in the table.

Everything that depends on the level takes it from here: kernels, the capacity of the muscles, the engine's choice,
plots. The table does without Warp; a level's functions need it and are imported when they are asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

import numpy as np


@dataclass(frozen=True)
class Functions:
    """What a level computes: Warp functions, and the same in double precision NumPy as an independent reference.

    Attributes:
        contraction: ``(muscle, activation, muscle_length, muscle_velocity) -> Contraction``: the whole level, or, if
            its fiber has a state, the equilibrium to which a reset brings it.
        in_numpy: ``(parameters, activation, muscle_length, muscle_velocity) -> ReferenceState``: the same.
        step: A step of a fiber that has a state; the arguments of `contraction`, then the time step [s] and the fiber's
            length [L0] and velocity [vmax] before.
        step_in_numpy: The same with the arguments of `in_numpy`, then the time step and the fiber's length before.
        tendon_in_numpy: ``(strain, strain_at_one) -> force`` of an elastic tendon [F0]; None for a rigid one.
    """

    contraction: Callable
    in_numpy: Callable
    step: Callable | None = None
    step_in_numpy: Callable | None = None
    tendon_in_numpy: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None


@dataclass(frozen=True)
class Level:
    """A line of the table.

    Attributes:
        about: What it is, in a few words.
        module: Module whose ``FUNCTIONS`` are its functions.
        in_mujoco: Whether MuJoCo's built-in muscle is this level.
        approximation: Of a level whose fiber has a state, the level that stands in for it where force must be affine in
            activation; empty where the fiber has none.
    """

    about: str
    module: str
    in_mujoco: bool = False
    approximation: str = ""

    @property
    def functions(self) -> Functions:
        """What it computes."""
        return import_module(self.module).FUNCTIONS

    @property
    def stateless(self) -> Functions:
        """What it, or the level that stands in for it, computes from activation and path alone."""
        return LEVELS[self.approximation].functions if self.approximation else self.functions


LEVELS = {
    "mujoco": Level("MuJoCo's muscle, fiber in line with a rigid tendon", f"{__name__}.mujoco", in_mujoco=True),
    "rigid": Level("pennate fiber on a rigid tendon", f"{__name__}.rigid"),
    "elastic": Level("pennate fiber on an elastic tendon", f"{__name__}.elastic", approximation="rigid"),
}
"""Every level by name; `msemu.schema.LEVELS` repeats the names of msemu's own for the configuration."""
