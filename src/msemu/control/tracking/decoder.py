"""Computed muscle control: excitations that give wanted accelerations, many bodies at once."""

from dataclasses import dataclass
from functools import cache

import torch

from msemu.control.activation_inverse import ActivationInverse
from msemu.control.contact_points import NUM_EDGES
from msemu.control.dynamics import DynamicsState, EngineDynamics
from msemu.control.muscle_capacity import MuscleCapacity
from msemu.control.solver.row_threads import RowThreads
from msemu.control.solver.sparse import SparseLeastSquares
from msemu.control.torque_balance import TorqueBalance
from msemu.control.tracking.preference import Preferences
from msemu.models.body import Body
from msemu.muscle.parameters import MuscleParameters
from msemu.schema import DecoderCfg, MuscleCfg

_WEAK_TONE = 0.05
"""Activation, and force along each edge [body weights], from which a body without a solution starts."""
_ROOM = 0.01
"""Share of its range that is left to an activation beyond its capacity, which cannot but fall."""
_MARGIN = 0.02
"""Distance of a start from its bounds, see `SparseLeastSquares.solve`; of 0.005 to 0.2 the best after 8 iterations."""


@dataclass
class Decoded:
    """The outcome for E bodies.

    Attributes:
        excitation: Excitation of each muscle during the control step [-], shape [E, M].
        activation: Activation wanted at its end [-], shape [E, M].
        residual: Generalized force that is missing [N m or N], shape [E, D].
        missing_acceleration: Acceleration that is missing, root mean square over the body's mass [m/s^2], shape [E];
            not a number with the objective ``torque``, which does not find it.
        relative_gap: Bound of the distance from the optimum, relative [-], shape [E].
        converged: Whether the gap is within the tolerance, bool, shape [E].
    """

    excitation: torch.Tensor
    activation: torch.Tensor
    residual: torch.Tensor
    missing_acceleration: torch.Tensor
    relative_gap: torch.Tensor
    converged: torch.Tensor


class MuscleDecoder:
    """Decodes the accelerations of the independent degrees of freedom into excitations.

    After computed muscle control (Thelen and Anderson 2006, doi 10.1016/j.jbiomech.2005.02.010), with three changes: it
    solves least squares, so an acceleration out of reach degrades to the closest one (see `TorqueBalance.covariance`);
    the floor's forces are unknowns as in `TorqueBalance`; and the activations are bounded by what activation dynamics
    can reach within the control step.
    Every call does the same work. Solutions warm-start the next call, per body.

    Attributes:
        settings: Weights and iterations.
        preferences: What the muscles of each body prefer; None for the least sum of squares.
        scale: Scale of each degree of freedom in the balance [N m or N], see `TorqueBalance`, shape [D].
        solution: Activations and edge forces of the last call, from which the next one starts, shape [E, N].
    """

    def __init__(
        self,
        body: Body,
        reader: EngineDynamics,
        num_envs: int,
        substeps: int,
        timestep_s: float,
        muscle: MuscleCfg | None = None,
        settings: DecoderCfg | None = None,
        parameters: MuscleParameters | None = None,
        num_threads: int = 0,
    ):
        """Prepare E bodies, whose states ``reader`` reads, for control steps of ``substeps`` physics steps.

        The muscles are by default MuJoCo's with the parameters of the model; ``num_threads`` of 0 uses every core.
        """
        muscle = muscle or MuscleCfg()
        parameters = parameters or MuscleParameters.of(body.model)
        self.settings = settings or DecoderCfg()
        self.preferences: Preferences | None = None
        self._capacity = MuscleCapacity(parameters, muscle.level)
        self._inverse = cache(
            lambda steps: ActivationInverse(parameters, steps, timestep_s, muscle.activation_dynamics)
        )
        self._substeps = substeps
        self._balance = TorqueBalance(body, reader.dofs, self.settings.contact)
        self.scale = self._balance.scale
        self._threads = RowThreads(num_envs, num_threads)
        patterns = reader.pattern(), reader.mass_pattern()
        self._solvers = [SparseLeastSquares(*patterns, rows.stop - rows.start) for rows in self._threads.ranges]
        self._num_muscles = len(parameters)
        num_edges = NUM_EDGES * len(reader.points)
        first = self._solvers[0]
        self._places = self._balance.places(first.row, first.column, self._num_muscles, num_edges)
        shape = (num_envs, self._num_muscles + num_edges)
        self.solution = torch.full(shape, _WEAK_TONE, dtype=torch.float64)
        self._effort = torch.full((shape[1],), 2.0 * self.settings.contact.effort, dtype=torch.float64)
        self._effort[: self._num_muscles] = 2.0 * self.settings.effort

    def reset(self, mask: torch.Tensor) -> None:
        """Forget the last solution of some bodies, shape [E], bool: they start from a weak tone and no contact."""
        self.solution = self.solution.masked_fill(mask.unsqueeze(1), _WEAK_TONE)

    def decode(
        self,
        state: DynamicsState,
        activation: torch.Tensor,
        habit: torch.Tensor | None = None,
        steps: int | None = None,
        touching: torch.Tensor | None = None,
    ) -> Decoded:
        """Find excitations at a state with the wanted acceleration and the present activation, shape [E, M].

        Effort is the distance from the activations ``habit``, shape [E, M], by default from none. The excitations last
        for so many physics ``steps``, by default for the control step. Points that are ``touching``, bool, shape
        [E, C], may be in contact, by default those that are low and slow now.
        """
        active, passive = self._capacity.forces(state.muscle_length, state.muscle_velocity)
        usual, effort, capacity = self._wishes(habit, active * state.muscle_velocity)
        passive = passive + active * usual[:, : self._num_muscles]
        values = self._balance.entries(state, active, self._places)
        target = self._balance.target(state, passive)
        touching = (self._balance.touching(state) if touching is None else touching).repeat_interleave(NUM_EDGES, 1)
        covariance = self._balance.covariance(state, self.settings)
        present = activation.float().contiguous(), capacity, values
        inputs = *present, covariance, target, touching, effort, usual, self.solution

        inverse = self._inverse(steps or self._substeps)

        def work(index: int) -> tuple[torch.Tensor, ...]:
            rows = self._threads.ranges[index]
            return self._solve(self._solvers[index], inverse, *(tensor[rows] for tensor in inputs))

        parts = self._threads.map(work)
        self.solution, *found = (torch.cat(tensors) for tensors in zip(*parts, strict=True))
        return Decoded(*found)

    def _wishes(
        self, habit: torch.Tensor | None, full_power: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return where each unknown costs no effort, the weight of it, [E, N], and the greatest activations, [E, M]."""
        usual, effort = torch.zeros_like(self.solution), self._effort.repeat(len(self.solution), 1)
        muscles = slice(self._num_muscles)
        if habit is not None:
            usual[:, muscles] = habit
        if self.preferences is None:
            return usual, effort, torch.ones_like(full_power, dtype=torch.float32)
        center, weight = self.preferences.squares(self.solution[:, muscles] - usual[:, muscles], full_power)
        usual[:, muscles] += center
        effort[:, muscles] *= weight
        return usual, effort, self.preferences.capacity.float()

    def _solve(
        self,
        solver: SparseLeastSquares,
        inverse: ActivationInverse,
        activation: torch.Tensor,
        capacity: torch.Tensor,
        values: torch.Tensor,
        covariance: torch.Tensor,
        target: torch.Tensor,
        touching: torch.Tensor,
        effort: torch.Tensor,
        usual: torch.Tensor,
        start: torch.Tensor,
    ) -> tuple[torch.Tensor, ...]:
        """Return the solution of some bodies and the tensors of `Decoded`; the effort is that beyond ``usual``."""
        settings = self.settings
        lower, upper = inverse.reachable(activation)
        bound = torch.minimum(upper, torch.maximum(capacity, lower + _ROOM * (upper - lower)))
        found = solver.solve(
            values=values,
            covariance=covariance,
            target=target,
            quadratic=effort,
            lower=torch.nn.functional.pad(lower.double(), (0, touching.shape[1])) - usual,
            upper=torch.cat((bound.double(), touching * settings.contact.max_force_bw), 1) - usual,
            is_open=torch.nn.functional.pad(touching, (self._num_muscles, 0), value=True),
            start=start - usual,
            iterations=settings.iterations,
            tolerance=settings.tolerance,
            margin=_MARGIN,
        )
        solution = found.x + usual
        wanted = solution[:, : self._num_muscles]
        excitation = inverse.excitation(activation, lower, upper, wanted.float().contiguous())
        residual, missing = -found.residual * self.scale, self._balance.missing_acceleration(found.squared, settings)
        return solution, excitation, wanted, residual, missing, found.relative_gap, found.converged
