"""What the muscles do, as terms and action spaces read it.

Four signals are never mixed: the *action* is the policy's output, the *excitation* (0 to 1) what an action space makes
of it, the *activation* what a muscle makes of that in time, and the *force* what comes out.
"""

from collections.abc import Callable
from dataclasses import fields
from functools import cache

import numpy as np
import torch

from msemu.models.body import Body
from msemu.muscle.parameters import MuscleParameters
from msemu.sim import Simulation
from msemu.sim.muscle_state import MuscleState

Rows = torch.Tensor | slice
"""Some environments, by index, or all of them."""

EVERYTHING = slice(None)

_OF_MODEL = tuple(field.name for field in fields(MuscleState) if field.name != "activation")
"""Quantities that the muscle model computes when it is asked."""
QUANTITIES = (
    *("excitation", "activation", "force"),
    *("path_length", "path_velocity", "rigid_fiber_length", "rigid_fiber_velocity"),
    *_OF_MODEL,
)
"""What can be read."""


class Muscles:
    """The muscles of some environments at one instant; float32 of shape [N, M], read when they are first asked for.

    There are three lengths: that of the path from bone to bone, the fiber's if its tendon were rigid and in line with
    it, which is the path's less the slack tendon, and the fiber's as the muscle model has it.

    Attributes:
        excitation: What drives the muscle, 0 to 1 [-]; after a reset the activation.
        activation: Activation, 0 to 1 [-].
        force: Pull along the path over the greatest isometric force [-], positive when it pulls.
        path_length: Length of muscle and tendon [m].
        path_velocity: Lengthening of both [m/s].
        rigid_fiber_length: Path length less the slack length of the tendon [optimal fiber lengths].
        rigid_fiber_velocity: Its lengthening [optimal fiber lengths/s].
        fiber_length: Fiber length [optimal fiber lengths].
        fiber_velocity: Lengthening of the fiber [vmax].
        tendon_strain: Tendon strain [-]; zero for a rigid tendon.
        active_force: Active force along the tendon [N].
        passive_force: Elastic and damping force along the tendon [N].
        power: Power of muscle and tendon on the skeleton [W], positive when they shorten.
    """

    def __init__(self, read: Callable[[str], torch.Tensor]):
        self._read = read

    def __getattr__(self, name: str) -> torch.Tensor:
        """Read a quantity that nobody has asked for yet."""
        if name not in QUANTITIES:
            raise AttributeError(f"muscles have no '{name}'; known: {', '.join(QUANTITIES)}")
        value = self._read(name)
        setattr(self, name, value)
        return value

    def followed_by(self, others: "Muscles") -> "Muscles":
        """Those of other environments after these."""
        return Muscles(lambda name: torch.cat((getattr(self, name), getattr(others, name))))


class MuscleReader:
    """Reads `Muscles` off a simulation.

    What has been asked for once is read at once from then on, so that it is of the instant of the reading even where a
    reset comes before the question.
    """

    def __init__(self, body: Body, sim: Simulation):
        def tensor(array: np.ndarray) -> torch.Tensor:
            return torch.as_tensor(array, dtype=torch.float32, device=sim.device)

        parameters = MuscleParameters.of(body.model)
        self._sim = sim
        self._asked: dict[str, None] = {}
        self._slack_length = tensor(parameters.tendon_slack_length)
        self._per_length = tensor(1.0 / parameters.optimal_fiber_length)
        self._per_pull = tensor(-1.0 / parameters.max_isometric_force)

    def read(self, excitation: torch.Tensor | None = None, rows: Rows = EVERYTHING) -> Muscles:
        """Read the present muscles of some environments; ``excitation`` [E, M] is of all, if it is asked for."""
        model_state = cache(self._sim.read_muscles)

        def quantity(name: str) -> torch.Tensor:
            self._asked[name] = None
            if name == "excitation":
                if excitation is None:
                    raise ValueError("the muscles were read without the excitation")
                return excitation[rows]
            if name in _OF_MODEL:
                return getattr(model_state(), name)[rows].to(torch.float32, copy=True)
            return self._of_engine(name, rows)

        muscles = Muscles(quantity)
        for name in tuple(self._asked):
            getattr(muscles, name)
        return muscles

    def _of_engine(self, name: str, rows: Rows) -> torch.Tensor:
        sim = self._sim
        # Copies: an engine in single precision would hand out its own memory, which a reset overwrites.
        match name:
            case "activation":
                return sim.act[rows].to(torch.float32, copy=True)
            case "force":
                return sim.muscle_force[rows].float() * self._per_pull
            case "path_length":
                return sim.muscle_length[rows].to(torch.float32, copy=True)
            case "path_velocity":
                return sim.muscle_velocity[rows].to(torch.float32, copy=True)
            case "rigid_fiber_length":
                return (sim.muscle_length[rows].float() - self._slack_length) * self._per_length
            case _:
                return sim.muscle_velocity[rows].float() * self._per_length
