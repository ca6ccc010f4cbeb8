"""The kernels: one launch steps every muscle of every environment, one resets those of some environments."""

from collections.abc import Callable

import warp as wp

from msemu.muscle.activation import activation_rate
from msemu.muscle.levels import LEVELS, Level
from msemu.muscle.options import (
    Delay,
    Fatigue,
    MotorNoise,
    add_motor_noise,
    delay_excitation,
    limit_by_fatigue,
    reset_delay,
    reset_fatigue,
    reset_motor_noise,
    tire,
)
from msemu.muscle.records import Contraction, Muscle

wp.set_module_options({"enable_backward": False})


@wp.struct
class Outputs:
    """Quantities of every muscle that others may look at, each of shape [E, M]."""

    fiber_length: wp.array2d(dtype=float)
    fiber_velocity: wp.array2d(dtype=float)
    tendon_strain: wp.array2d(dtype=float)
    active_force: wp.array2d(dtype=float)
    passive_force: wp.array2d(dtype=float)
    power: wp.array2d(dtype=float)


@wp.func
def _publish(
    outputs: Outputs, worldid: int, muscleid: int, state: Contraction, strength: float, muscle_velocity: float
) -> float:
    """Write the quantities of a contraction and return the force of the muscle [N]."""
    force = strength * (state.active_force + state.passive_force)
    outputs.fiber_length[worldid, muscleid] = state.fiber_length
    outputs.fiber_velocity[worldid, muscleid] = state.fiber_velocity
    outputs.tendon_strain[worldid, muscleid] = state.tendon_strain
    outputs.active_force[worldid, muscleid] = strength * state.active_force
    outputs.passive_force[worldid, muscleid] = strength * state.passive_force
    outputs.power[worldid, muscleid] = -force * muscle_velocity
    return force


def _make_step_kernel(contract: Callable, real: type) -> wp.Kernel:
    """Make the step of a level.

    ``real`` is the type of the engine's numbers: paths [m, m/s] and actuator force [N]. Their arrays may belong to some
    successive environments only, from ``first_world_in``.
    """

    @wp.kernel(enable_backward=False)
    def step_muscles(
        # Model:
        muscles_in: wp.array(dtype=Muscle),
        activation_dynamics_in: int,
        dt_in: float,
        strength_in: wp.array(dtype=float),
        first_world_in: int,
        # Data in:
        excitation_in: wp.array2d(dtype=float),
        activation_in: wp.array2d(dtype=float),
        muscle_length_in: wp.array2d(dtype=real),
        muscle_velocity_in: wp.array2d(dtype=real),
        # Data in and out; the fiber's state is in the outputs:
        delay: Delay,
        noise: MotorNoise,
        fatigue: Fatigue,
        # Data out:
        activation_out: wp.array2d(dtype=float),
        act_dot_out: wp.array2d(dtype=float),
        force_out: wp.array2d(dtype=real),
        outputs_out: Outputs,
    ):
        row, muscleid = wp.tid()
        worldid = first_world_in + row
        muscle = muscles_in[muscleid]
        activation = activation_in[worldid, muscleid]
        muscle_velocity = float(muscle_velocity_in[row, muscleid])

        state = contract(
            muscle,
            activation,
            float(muscle_length_in[row, muscleid]),
            muscle_velocity,
            dt_in,
            outputs_out.fiber_length[worldid, muscleid],
            outputs_out.fiber_velocity[worldid, muscleid],
        )
        force = _publish(outputs_out, worldid, muscleid, state, strength_in[worldid], muscle_velocity)
        force_out[row, muscleid] = real(-force)

        excitation = wp.clamp(excitation_in[worldid, muscleid], 0.0, 1.0)
        excitation = delay_excitation(delay, worldid, muscleid, excitation)
        excitation = add_motor_noise(noise, worldid, muscleid, excitation)
        target = limit_by_fatigue(fatigue, worldid, muscleid, excitation)
        rate = activation_rate(muscle, activation_dynamics_in, target, activation)
        rate -= tire(fatigue, worldid, muscleid, excitation, activation, dt_in)
        act_dot_out[worldid, muscleid] = rate
        activation_out[worldid, muscleid] = activation + dt_in * rate

    return step_muscles


def _make_reset_kernel(contract: Callable) -> wp.Kernel:
    @wp.kernel(enable_backward=False)
    def reset_muscles(
        # Model:
        muscles_in: wp.array(dtype=Muscle),
        strength_in: wp.array(dtype=float),
        # Data in:
        mask_in: wp.array(dtype=bool),
        activation_in: wp.array2d(dtype=float),
        muscle_length_in: wp.array2d(dtype=float),
        muscle_velocity_in: wp.array2d(dtype=float),
        # Data in and out:
        delay: Delay,
        noise: MotorNoise,
        fatigue: Fatigue,
        # Data out:
        activation_out: wp.array2d(dtype=float),
        act_dot_out: wp.array2d(dtype=float),
        force_out: wp.array2d(dtype=float),
        outputs_out: Outputs,
    ):
        worldid, muscleid = wp.tid()
        if not mask_in[worldid]:
            return
        activation = activation_in[worldid, muscleid]
        muscle_velocity = muscle_velocity_in[worldid, muscleid]
        state = contract(muscles_in[muscleid], activation, muscle_length_in[worldid, muscleid], muscle_velocity)
        force = _publish(outputs_out, worldid, muscleid, state, strength_in[worldid], muscle_velocity)
        force_out[worldid, muscleid] = -force
        activation_out[worldid, muscleid] = activation
        act_dot_out[worldid, muscleid] = 0.0
        reset_delay(delay, worldid, muscleid, activation)
        reset_motor_noise(noise, worldid, muscleid)
        reset_fatigue(fatigue, worldid, muscleid)

    return reset_muscles


def _step(level: Level) -> Callable:
    """Return the function of a step: of a level without fiber state, the contraction of the present path."""
    functions = level.functions
    contract = functions.contraction

    @wp.func
    def stateless_step(
        muscle: Muscle, activation: float, length: float, velocity: float, dt: float, fiber: float, speed: float
    ) -> Contraction:
        return contract(muscle, activation, length, velocity)

    return functions.step or stateless_step


_STEPS = {name: _step(level) for name, level in LEVELS.items()}
STEP_KERNELS = {name: _make_step_kernel(step, wp.float32) for name, step in _STEPS.items()}
"""Step of each level for an engine in single precision."""
DOUBLE_STEP_KERNELS = {name: _make_step_kernel(step, wp.float64) for name, step in _STEPS.items()}
"""Step of each level for an engine in double precision."""
RESET_KERNELS = {name: _make_reset_kernel(level.functions.contraction) for name, level in LEVELS.items()}
"""Reset of each level."""


@wp.kernel(enable_backward=False)
def draw_options(
    mask_in: wp.array(dtype=bool),
    strength_range_in: wp.vec2,
    delay_range_in: wp.vec2,
    noise_range_in: wp.vec2,
    random_state: wp.array(dtype=wp.uint32),
    strength_out: wp.array(dtype=float),
    delay_out: wp.array(dtype=int),
    noise_out: wp.array(dtype=float),
):
    """Draw the strength [-], the delay [steps] and the noise amplitude [-] of the environments in the mask."""
    worldid = wp.tid()
    if not mask_in[worldid]:
        return
    state = random_state[worldid]
    strength_out[worldid] = wp.lerp(strength_range_in[0], strength_range_in[1], wp.randf(state))
    delay_out[worldid] = int(wp.round(wp.lerp(delay_range_in[0], delay_range_in[1], wp.randf(state))))
    noise_out[worldid] = wp.lerp(noise_range_in[0], noise_range_in[1], wp.randf(state))
    random_state[worldid] = state
