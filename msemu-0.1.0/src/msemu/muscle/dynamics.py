"""Muscles of many environments on a device."""

from typing import Any

import numpy as np
import warp as wp

from msemu.errors import MsemuError
from msemu.muscle.kernels import DOUBLE_STEP_KERNELS, RESET_KERNELS, STEP_KERNELS, Outputs, draw_options
from msemu.muscle.options import Delay, Fatigue, MotorNoise
from msemu.muscle.parameters import MuscleParameters
from msemu.muscle.records import muscle_array
from msemu.muscle.validation import require_simulable
from msemu.schema import ACTIVATION_DYNAMICS, MuscleCfg


class MuscleDynamics:
    """The M muscles of E environments, each stepped by the same kernel.

    `step` and `reset` only launch kernels, so that a CUDA graph can capture them. Every array is float32 of shape
    [E, M] unless said otherwise, and stays where it is: ``wp.to_torch`` and, on the CPU, ``numpy()`` give views.

    Attributes:
        parameters: The parameter table.
        cfg: The level and the options.
        activation: Activation [-], when the engine keeps none.
        act_dot: Rate of activation [1/s].
        force: Actuator force [N], negative when it pulls.
        fiber_length: With ``fiber_velocity``, ``tendon_strain``, ``active_force``, ``passive_force`` and ``power`` what
            `msemu.sim.muscle_state.MuscleState` says of them.
        strength: Factor of all forces of an environment [-], shape [E].
        fatigued: Share of fatigued motor units [-], or None without fatigue.
    """

    def __init__(
        self,
        parameters: MuscleParameters,
        num_envs: int,
        timestep_s: float,
        cfg: MuscleCfg | None = None,
        device: str = "cpu",
        seed: int = 0,
    ):
        """Allocate everything on a device of Warp; the state is undefined until the first `reset`.

        The time step is that of the physics, ``seed`` that of the random options. By default the muscle is MuJoCo's,
        without options.

        Raises:
            MsemuError: The parameters are not those of a muscle, or an option does not fit the time step.
        """
        require_simulable(parameters)
        if not timestep_s > 0:
            raise MsemuError(f"the muscles' time step must be positive, not {timestep_s} s")
        self.parameters = parameters
        self.cfg = cfg = cfg or MuscleCfg()
        self.num_envs = num_envs
        self.timestep_s = timestep_s
        self.device = device
        self._shape = (num_envs, len(parameters))
        self._random = np.random.default_rng(seed)
        self._muscles = muscle_array(parameters, device)

        self.activation = self._zeros()
        self.act_dot = self._zeros()
        self.force = self._zeros()
        self._outputs = Outputs()
        for name in Outputs.vars:  # type: ignore[attr-defined]  # every struct has it
            setattr(self._outputs, name, self._zeros())
            setattr(self, name, getattr(self._outputs, name))
        self.strength = wp.ones(num_envs, dtype=float, device=device)
        self._env_random_state = self._random_states(num_envs)
        self._delay = self._make_delay()
        self._noise = self._make_noise()
        self._fatigue = self._make_fatigue()
        self._options = (self._delay, self._noise, self._fatigue)
        self.fatigued = self._fatigue.fatigued if cfg.fatigue else None

    def step(
        self,
        excitation: wp.array,
        muscle_length: wp.array,
        muscle_velocity: wp.array,
        activation: wp.array | None = None,
        act_dot: wp.array | None = None,
        force: wp.array | None = None,
    ) -> None:
        """Advance fibers, fatigue, noise and delay to this instant; compute forces and the rate of activation there.

        Call it once per physics step. The force belongs to the activation at the start of the step, as MuJoCo's does.

        Excitation is in [0, 1], muscle-tendon length in m, lengthening speed in m/s. An engine that keeps the
        activation and integrates it by its rate gives ``activation``; by default it is advanced here. ``act_dot`` and
        ``force`` are where to write the rate and the force of the actuator; by default the arrays of those names.
        """
        wp.launch(
            **self._step_launch(excitation, muscle_length, muscle_velocity, activation, act_dot, force), dim=self._shape
        )

    def record_step(
        self, excitation: wp.array, muscle_length: wp.array, muscle_velocity: wp.array, force: wp.array, worlds: range
    ) -> wp.Launch:
        """Return the launch of a `step` of some successive environments, which can be launched again and again.

        Length, velocity and force are those of these environments; they may be in double precision. The excitation is
        that of all.
        """
        arguments = self._step_launch(excitation, muscle_length, muscle_velocity, force=force, first_world=worlds.start)
        return wp.launch(**arguments, dim=(len(worlds), self._shape[1]), record_cmd=True)

    def reset(self, mask: wp.array, muscle_length: wp.array, muscle_velocity: wp.array, activation: wp.array) -> None:
        """Bring some environments into equilibrium, fresh and with newly drawn options; the others are untouched.

        They are those of the mask, bool, shape [E]; rows of the other arrays outside it are ignored.
        """
        wp.launch(
            draw_options,
            dim=self.num_envs,
            inputs=[
                mask,
                wp.vec2(*self.cfg.strength),
                wp.vec2(*(delay / self.timestep_s for delay in self.cfg.delay_s)),
                wp.vec2(*self.cfg.motor_noise.amplitude),
                self._env_random_state,
            ],
            outputs=[self.strength, self._delay.steps, self._noise.amplitude],
            device=self.device,
        )
        wp.launch(
            RESET_KERNELS[self.cfg.level],
            dim=self._shape,
            inputs=[self._muscles, self.strength, mask, activation, muscle_length, muscle_velocity, *self._options],
            outputs=[self.activation, self.act_dot, self.force, self._outputs],
            device=self.device,
        )

    def state_arrays(self) -> dict[str, wp.array]:
        """Return every array that the next `step` or `reset` depends on, to be saved and restored in place."""
        arrays = {
            "activation": self.activation,
            "fiber_length": self._outputs.fiber_length,
            "fiber_velocity": self._outputs.fiber_velocity,
            "strength": self.strength,
            "env_random_state": self._env_random_state,
            "delay_steps": self._delay.steps,
            "noise_amplitude": self._noise.amplitude,
        }
        if self._delay.capacity:
            arrays |= {"delay_position": self._delay.position, "delay_buffer": self._delay.buffer}
        if self._noise.enabled:
            arrays |= {"noise_value": self._noise.value, "noise_random_state": self._noise.random_state}
        if self._fatigue.enabled:
            arrays["fatigued"] = self._fatigue.fatigued
        return arrays

    def _step_launch(
        self,
        excitation: wp.array,
        muscle_length: wp.array,
        muscle_velocity: wp.array,
        activation: wp.array | None = None,
        act_dot: wp.array | None = None,
        force: wp.array | None = None,
        first_world: int = 0,
    ) -> dict[str, Any]:
        """Return the arguments of the launch, apart from its size."""
        kernels = DOUBLE_STEP_KERNELS if muscle_length.dtype == wp.float64 else STEP_KERNELS
        return {
            "kernel": kernels[self.cfg.level],
            "inputs": [
                self._muscles,
                ACTIVATION_DYNAMICS.index(self.cfg.activation_dynamics),
                self.timestep_s,
                self.strength,
                first_world,
                excitation,
                self.activation if activation is None else activation,
                muscle_length,
                muscle_velocity,
                *self._options,
            ],
            "outputs": [
                self.activation,
                self.act_dot if act_dot is None else act_dot,
                self.force if force is None else force,
                self._outputs,
            ],
            "device": self.device,
        }

    def _make_delay(self) -> Delay:
        delay = Delay()
        longest = round(self.cfg.delay_s[1] / self.timestep_s)
        delay.steps = wp.zeros(self.num_envs, dtype=int, device=self.device)
        if longest > 0:
            delay.capacity = longest + 1
            delay.position = wp.zeros(self._shape, dtype=int, device=self.device)
            delay.buffer = wp.zeros((longest + 1, *self._shape), dtype=float, device=self.device)
        return delay

    def _make_noise(self) -> MotorNoise:
        noise = MotorNoise()
        noise.amplitude = wp.zeros(self.num_envs, dtype=float, device=self.device)
        if self.cfg.motor_noise.amplitude[1] > 0:
            noise.enabled = 1
            noise.decay = float(np.exp(-self.timestep_s / self.cfg.motor_noise.correlation_time_s))
            noise.value = self._zeros()
            noise.random_state = self._random_states(self._shape)
        return noise

    def _make_fatigue(self) -> Fatigue:
        fatigue = Fatigue()
        if self.cfg.fatigue:
            fatigue.enabled = 1
            fatigue.fatigue_rate = self.cfg.fatigue.fatigue_rate
            fatigue.recovery_rate = self.cfg.fatigue.recovery_rate
            fatigue.rest_multiplier = self.cfg.fatigue.rest_multiplier
            fatigue.fatigued = self._zeros()
        return fatigue

    def _zeros(self) -> wp.array:
        return wp.zeros(self._shape, dtype=float, device=self.device)

    def _random_states(self, shape: int | tuple[int, int]) -> wp.array:
        return wp.array(self._random.integers(0, 2**32, shape, dtype=np.uint32), dtype=wp.uint32, device=self.device)
