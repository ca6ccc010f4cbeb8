"""What each muscle can give at its present length and speed: its force is affine in activation."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import torch
import warp as wp

from msemu.control.solver.arrays import as_array
from msemu.control.solver.row_threads import compile_now
from msemu.muscle.levels import LEVELS
from msemu.muscle.parameters import MuscleParameters
from msemu.muscle.records import Muscle, muscle_array

wp.set_module_options({"enable_backward": False})


@cache
def _make_kernel(contract: Callable) -> wp.Kernel:
    @wp.kernel(enable_backward=False)
    def measure_capacity(
        muscles_in: wp.array(dtype=Muscle),
        muscle_length_in: wp.array2d(dtype=float),
        muscle_velocity_in: wp.array2d(dtype=float),
        active_out: wp.array2d(dtype=float),
        passive_out: wp.array2d(dtype=float),
    ):
        worldid, muscleid = wp.tid()
        length, velocity = muscle_length_in[worldid, muscleid], muscle_velocity_in[worldid, muscleid]
        state = contract(muscles_in[muscleid], 1.0, length, velocity)
        active_out[worldid, muscleid] = state.active_force
        passive_out[worldid, muscleid] = state.passive_force

    return measure_capacity


for _level in LEVELS.values():  # all at once, so that what Warp compiles is compiled once
    _make_kernel(_level.stateless.contraction)


def _kernel(level: str) -> wp.Kernel:
    """Return that of a level, also of one that was put into the table since."""
    return _make_kernel(LEVELS[level].stateless.contraction)


_MOST_SLACK = 0.95
"""Greatest activation that is taken to leave a muscle slack [-]; it keeps a range above it."""


class MuscleCapacity:
    """Active force at full activation and passive force of M muscles of E environments, at a level of fidelity.

    The force of a fiber with a state, as at the level ``elastic``, depends on its history, not on activation alone. It
    is approximated by another level (`msemu.muscle.levels.Level.approximation`): that of a rigid tendon is good where
    the tendon's stretch changes little (walking; not sprinting).
    """

    def __init__(self, parameters: MuscleParameters, level: str = "mujoco"):
        """Prepare the kernel of one of `msemu.muscle.levels.LEVELS`."""
        self.level = level
        self._muscles = muscle_array(parameters, "cpu")
        compile_now(_kernel(level))

    def forces(self, length: torch.Tensor, velocity: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Compute the two forces along the tendon, in single precision, at length [m] and speed [m/s], shape [E, M].

        Active force at an activation of 1 [N] and passive force [N], in the type of ``length``; the passive force is
        negative where the damping of a fiber that shortens exceeds its stretch, see `pulling_part`.
        """
        inputs = [tensor.float().contiguous() for tensor in (length, velocity)]
        outputs = [torch.empty_like(inputs[0]) for _ in range(2)]
        wp.launch(
            _kernel(self.level),
            dim=tuple(length.shape),
            inputs=[self._muscles, *(as_array(tensor) for tensor in inputs)],
            outputs=[as_array(tensor) for tensor in outputs],
            device="cpu",
        )
        return outputs[0].to(length.dtype), outputs[1].to(length.dtype)


def pulling_part(active: torch.Tensor, passive: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the least activation at which the tendon is taut, and the passive force for activations from there on.

    The damping of a fiber that shortens fast takes from its force, but a tendon does not push: the force is
    ``max(a * active + passive, 0)`` [N], shape [E, M]. It is affine from the least activation on.
    """
    least = (-passive / active.clamp(min=1e-6)).clamp(0.0, _MOST_SLACK)
    return least, torch.maximum(passive, -least * active)


def scaled_strength(parameters: MuscleParameters, factor: float) -> MuscleParameters:
    """Return the table with every maximum force, active and passive, multiplied by ``factor``."""
    return replace(
        parameters,
        max_isometric_force=parameters.max_isometric_force * factor,
        passive_max_isometric_force=parameters.passive_max_isometric_force * factor,
    )
