"""The excitation that brings a muscle to a wanted activation within one control step."""

import torch
import warp as wp

from msemu.control.solver.arrays import as_array
from msemu.control.solver.row_threads import compile_now
from msemu.muscle.activation import activation_rate
from msemu.muscle.parameters import MuscleParameters
from msemu.muscle.records import Muscle, muscle_array
from msemu.schema import ACTIVATION_DYNAMICS

wp.set_module_options({"enable_backward": False})

_CORRECTIONS = 5
"""Evaluations of the activation dynamics; they leave an error of less than 1e-4 of activation (tested)."""


@wp.func
def _activation_after(
    muscle: Muscle, dynamics: int, activation: float, excitation: float, steps: int, dt: float
) -> float:
    """Activation [-] after Euler steps under constant excitation, as engine and muscle kernels integrate it."""
    for _ in range(steps):
        activation += dt * activation_rate(muscle, dynamics, excitation, activation)
    return activation


@wp.kernel(enable_backward=False)
def _reach(
    muscles_in: wp.array(dtype=Muscle),
    dynamics_in: int,
    steps_in: int,
    dt_in: float,
    activation_in: wp.array2d(dtype=float),
    lower_out: wp.array2d(dtype=float),
    upper_out: wp.array2d(dtype=float),
):
    worldid, muscleid = wp.tid()
    muscle = muscles_in[muscleid]
    activation = activation_in[worldid, muscleid]
    # Two chains that do not wait for each other; two calls of `_activation_after` cost the whole decoder a tenth more.
    lower = activation
    upper = activation
    for _ in range(steps_in):
        lower += dt_in * activation_rate(muscle, dynamics_in, 0.0, lower)
        upper += dt_in * activation_rate(muscle, dynamics_in, 1.0, upper)
    lower_out[worldid, muscleid] = lower
    upper_out[worldid, muscleid] = upper


@wp.kernel(enable_backward=False)
def _invert(
    muscles_in: wp.array(dtype=Muscle),
    dynamics_in: int,
    steps_in: int,
    dt_in: float,
    activation_in: wp.array2d(dtype=float),
    lower_in: wp.array2d(dtype=float),
    upper_in: wp.array2d(dtype=float),
    target_in: wp.array2d(dtype=float),
    excitation_out: wp.array2d(dtype=float),
):
    worldid, muscleid = wp.tid()
    muscle = muscles_in[muscleid]
    activation = activation_in[worldid, muscleid]
    target = target_in[worldid, muscleid]
    # The activation reached grows with the excitation. It is known at 0 and 1, and an excitation like the activation
    # keeps it; there the time constant changes. So regula falsi runs on the smooth part on either side; the weight of
    # an end that stays twice is halved (Illinois).
    low, low_error = 0.0, lower_in[worldid, muscleid] - target
    high, high_error = 1.0, upper_in[worldid, muscleid] - target
    excitation, side = 0.0, 0
    if low_error >= 0.0:
        excitation = 0.0
    elif high_error <= 0.0:
        excitation = 1.0
    else:
        if target > activation:
            low, low_error = activation, activation - target
        elif target < activation:
            high, high_error = activation, activation - target
        for _ in range(wp.static(_CORRECTIONS)):
            excitation = (low * high_error - high * low_error) / (high_error - low_error)
            error = _activation_after(muscle, dynamics_in, activation, excitation, steps_in, dt_in) - target
            if error > 0.0:
                if side > 0:
                    low_error *= 0.5
                high, high_error, side = excitation, error, 1
            else:
                if side < 0:
                    high_error *= 0.5
                low, low_error, side = excitation, error, -1
        excitation = (low * high_error - high * low_error) / (high_error - low_error)
    excitation_out[worldid, muscleid] = excitation


class ActivationInverse:
    """Activation dynamics of M muscles over one control step of constant excitation, forwards and backwards."""

    def __init__(
        self, parameters: MuscleParameters, steps: int, timestep_s: float, activation_dynamics: str = "mujoco"
    ):
        """Prepare control steps of ``steps`` physics steps, with one of `msemu.schema.ACTIVATION_DYNAMICS`."""
        self._constants = [ACTIVATION_DYNAMICS.index(activation_dynamics), steps, timestep_s]
        self._muscles = muscle_array(parameters, "cpu")
        compile_now(_reach)

    def reachable(self, activation: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the least and the greatest activation at the end of the step, float32, shape [E, M] each."""
        lower, upper = torch.empty_like(activation), torch.empty_like(activation)
        self._launch(_reach, [activation], [lower, upper])
        return lower, upper

    def excitation(
        self, activation: torch.Tensor, lower: torch.Tensor, upper: torch.Tensor, target: torch.Tensor
    ) -> torch.Tensor:
        """Return the excitation in [0, 1] that leads from an activation closest to a target at the end of the step.

        All are float32, shape [E, M]; ``lower`` and ``upper`` come from `reachable`.
        """
        excitation = torch.empty_like(activation)
        self._launch(_invert, [activation, lower, upper, target], [excitation])
        return excitation

    def _launch(self, kernel: wp.Kernel, inputs: list[torch.Tensor], outputs: list[torch.Tensor]) -> None:
        wp.launch(
            kernel,
            dim=tuple(inputs[0].shape),
            inputs=[self._muscles, *self._constants, *(as_array(tensor) for tensor in inputs)],
            outputs=[as_array(tensor) for tensor in outputs],
            device="cpu",
        )
