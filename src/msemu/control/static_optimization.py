"""Static optimization along a movement: the activations of least effort that give the required joint torques."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Annotated

import numpy as np
import torch

from msemu.config import check
from msemu.control.contact_points import ContactPoints
from msemu.control.dynamics import DynamicsState
from msemu.control.floor.forces import FloorForces
from msemu.control.floor.implied import FloorCfg, implied_forces
from msemu.control.independent_dofs import ROOT_DOFS, IndependentDofs
from msemu.control.inverse_dynamics import Movement, dynamics_along
from msemu.control.muscle_capacity import MuscleCapacity, pulling_part
from msemu.control.solver.dense import solve
from msemu.control.torque_balance import TorqueBalance
from msemu.models.body import Body
from msemu.muscle.parameters import MuscleParameters
from msemu.schema import ContactCfg, known_levels
from msemu.schema.ranges import Count, Known, Positive

OBJECTIVES = ("activation", "power", "volume")
FLOORS = ("continuous", "alone")
_POWER_SHARE = 0.1
"""Weight of the power over that of squared activations: a linear cost keeps more torque from strong, fast muscles."""
_ALIKE = 100.0
"""Muscles of equal volume that cost as much by volume as by activation."""
_SLACK = 1e-6
"""Activation above the least one that pulls, below which a muscle counts as slack [-]."""


@dataclass(frozen=True)
class StaticOptimizationCfg:
    """What is minimized, and how exactly."""

    objective: Annotated[str, Known(OBJECTIVES)] = "activation"
    """``activation``: sum of a^p (Crowninshield and Brand 1981, doi 10.1016/0021-9290(81)90035-X, with activation for
    stress); ``power``: sum of the active forces' power on the path, ``|a F v|``, in watts without sign; ``volume``: sum
    of V a^p with the volume ``V = F0 L0``, which is the same however a muscle is split into strands (Happee and Van der
    Helm 1995, doi 10.1016/0021-9290(94)00140-6)."""
    power: Annotated[int, Known((2, 3))] = 2
    """Exponent p, 2 or 3."""
    effort: Positive = 1e-4
    """Weight of the effort beside 1/2 (torque error over the joint's capacity)^2. At 1e-4 joints that are strong enough
    miss their torque by about 1e-4 of their capacity."""
    level: Annotated[str, Known(known_levels)] = "mujoco"
    """Muscle level; ``elastic`` is approximated by a rigid tendon."""
    iterations: Count = 30
    """Iterations of the solver."""
    tolerance: Positive = 1e-6
    """Relative gap at which a frame counts as solved."""
    contact: ContactCfg = field(default_factory=ContactCfg)
    floor: Annotated[str, Known(FLOORS)] = "continuous"
    """``continuous``: the floor's forces come first, from all frames together (`msemu.control.floor.implied`);
    ``alone``: they are unknowns beside the activations, frame by frame, which is what reflex priors of before know."""


@dataclass(frozen=True)
class StaticOptimization:
    """The solution in each of T frames; D degrees of freedom, the first six of them the root; M muscles; C points.

    Attributes:
        dof_names: Names of the degrees of freedom.
        muscle_names: Names of the muscles.
        point_regions: Contact region of each point.
        activation: Activation [-], shape [T, M].
        muscle_force: Pull along the path, active and passive [N], shape [T, M].
        passive_force: Its passive part [N], shape [T, M].
        moment_arm: Change of the path's length with a degree of freedom [m/rad or 1], shape [T, M, D].
        touching: Points that may be in contact, shape [T, C].
        contact_position: The points [m], shape [T, C, 3].
        contact_force: Force of the floor on the points, world axes [N], shape [T, C, 3].
        required_torque: Generalized force of muscles and floor that the movement needs [N m or N], shape [T, D].
        muscle_torque: What the muscles give [N m or N], shape [T, D].
        contact_torque: What the floor gives [N m or N], shape [T, D].
        residual: ``required - muscle - contact`` [N m or N], shape [T, D]: at the root the part that nothing explains,
            at a joint what the muscles are too weak for.
        capacity: Scale of each degree of freedom in the optimization [N m or N], shape [D].
        body_weight: Weight of the body [N].
        relative_gap: Bound of the distance from the optimum, relative [-], shape [T].
        converged: Frames whose gap is within the tolerance, shape [T].
    """

    dof_names: tuple[str, ...]
    muscle_names: tuple[str, ...]
    point_regions: tuple[str, ...]
    activation: np.ndarray
    muscle_force: np.ndarray
    passive_force: np.ndarray
    moment_arm: np.ndarray
    touching: np.ndarray
    contact_position: np.ndarray
    contact_force: np.ndarray
    required_torque: np.ndarray
    muscle_torque: np.ndarray
    contact_torque: np.ndarray
    residual: np.ndarray
    capacity: np.ndarray
    body_weight: float
    relative_gap: np.ndarray
    converged: np.ndarray

    @property
    def net_torque(self) -> np.ndarray:
        """Generalized force that the muscles have to give, the floor's being known [N m or N], shape [T, D]."""
        return self.required_torque - self.contact_torque

    @property
    def root_force_residual(self) -> np.ndarray:
        """Force at the root that nothing explains [body weights], shape [T]."""
        return np.linalg.norm(self.residual[:, :3], axis=1) / self.body_weight

    @property
    def root_moment_residual(self) -> np.ndarray:
        """Moment at the root that nothing explains [N m], shape [T]."""
        return np.linalg.norm(self.residual[:, 3:ROOT_DOFS], axis=1)


def optimize(
    body: Body,
    movement: Movement,
    settings: StaticOptimizationCfg | None = None,
    parameters: MuscleParameters | None = None,
    on_frame: Callable[[int, int], None] = lambda done, total: None,
    floor: FloorForces | None = None,
) -> StaticOptimization:
    """Find the activations of least effort in every frame of a movement.

    With the floor's forces known, all frames are independent problems and are solved together. When a joint is too
    weak, or the movement needs a root force that the contacts cannot give, the solution is the closest in the sense of
    `TorqueBalance` and the residual says how far it is. The muscles are by default those of the model; ``on_frame``
    gets the frames done and in all; ``floor`` is what was measured, else it is found.
    """
    settings = settings or StaticOptimizationCfg()
    check(settings, "static optimization")
    parameters = parameters or MuscleParameters.of(body.model)
    capacity = MuscleCapacity(parameters, settings.level)
    weights = _weights(settings, parameters)
    regions = contact_regions(body)
    balance = TorqueBalance(body, IndependentDofs(body), settings.contact)
    if floor is None and settings.floor == "continuous":
        floor = find_floor(body, movement, parameters, settings.contact)
    parts: list[dict[str, torch.Tensor]] = []
    for reader, state in dynamics_along(body, movement, regions):
        done = sum(len(part["activation"]) for part in parts)
        given = None if floor is None else floor.part(slice(done, done + len(state.required_force)))
        parts.append(_solve_frames(state, balance, reader.points, capacity, settings, weights, given))
        on_frame(done + len(parts[-1]["activation"]), len(movement.qpos))
    return StaticOptimization(
        dof_names=reader.dofs.names,
        muscle_names=body.muscle_names,
        point_regions=tuple(reader.points.regions if floor is None else floor.regions),
        capacity=balance.scale.numpy(),
        body_weight=balance.body_weight,
        **{name: torch.cat([part[name] for part in parts]).numpy() for name in parts[0]},
    )


def find_floor(
    body: Body,
    movement: Movement,
    parameters: MuscleParameters | None = None,
    contact: ContactCfg | None = None,
    touching: np.ndarray | None = None,
) -> FloorForces:
    """Find the floor's forces on feet and hands that a movement implies, from all its frames together.

    Where ``touching`` is given, shape [T, C], those points push and no others.
    """
    states = list(dynamics_along(body, movement, contact_regions(body)))
    force = (parameters or MuscleParameters.of(body.model)).max_isometric_force
    return implied_forces(movement, states, force, body.weight, contact or ContactCfg(), FloorCfg(), touching)


def contact_regions(body: Body) -> list[str]:
    """Return the regions that may carry the body: feet, and hands where there are any."""
    return ["foot_r", "foot_l", *(hand for hand in ("hand_r", "hand_l") if hand in body.contact_regions)]


def _solve_frames(
    state: DynamicsState,
    balance: TorqueBalance,
    points: ContactPoints,
    capacity: MuscleCapacity,
    settings: StaticOptimizationCfg,
    weights: torch.Tensor,
    floor: FloorForces | None,
) -> dict[str, torch.Tensor]:
    active, passive = capacity.forces(state.muscle_length, state.muscle_velocity)
    lower, passive = pulling_part(active, passive)
    effort = _effort(settings, active, state.muscle_velocity, weights)
    touching = balance.touching(state) if floor is None else None
    wanted = state if floor is None else _net_of(state, floor)
    problem = balance.problem(wanted, active, passive, touching, effort, lower, torch.ones_like(active))
    solution = solve(problem, settings.iterations, settings.tolerance)
    activation = solution.x[:, : active.shape[1]]
    force = (activation * active + passive).clamp(min=0.0)
    # Up to `lower` the tendon is slack, so that a muscle which does not pull is not active either.
    activation = torch.where((lower > 0.0) & (activation - lower < _SLACK), 0.0, activation)
    muscle_torque = -state.arms.generalized_force(force)
    factors = solution.x[:, active.shape[1] :]
    pushes = _given(floor) if floor else _found(state, balance, points, factors, balance.touching(state))
    return pushes | {
        "activation": activation,
        "muscle_force": force,
        "passive_force": passive,
        "moment_arm": state.moment_arms,
        "required_torque": state.required_force,
        "muscle_torque": muscle_torque,
        "residual": state.required_force - muscle_torque - pushes["contact_torque"],
        "relative_gap": solution.relative_gap,
        "converged": solution.converged,
    }


def _found(
    state: DynamicsState, balance: TorqueBalance, points: ContactPoints, factors: torch.Tensor, touching: torch.Tensor
) -> dict[str, torch.Tensor]:
    """Return what the floor does by a solution's forces along edges [body weights], shape [E, 4 C]."""
    edges = balance.edge_forces(factors, 0) * touching.unsqueeze(-1)
    return {
        "touching": touching,
        "contact_position": state.contacts.position,
        "contact_force": points.force(edges),
        "contact_torque": torch.einsum("edkf,ekf->ed", state.contacts.edge_force, edges),
    }


def _net_of(state: DynamicsState, floor: FloorForces) -> DynamicsState:
    return replace(state, required_force=state.required_force - torch.from_numpy(floor.torque))


def _given(floor: FloorForces) -> dict[str, torch.Tensor]:
    names = {
        "touching": "touching",
        "position": "contact_position",
        "force": "contact_force",
        "torque": "contact_torque",
    }
    return {name: torch.from_numpy(getattr(floor, field)) for field, name in names.items()}


def _weights(settings: StaticOptimizationCfg, parameters: MuscleParameters) -> torch.Tensor:
    """Return what each muscle's power of the activation counts, shape [M]."""
    volume = torch.from_numpy(parameters.max_isometric_force * parameters.optimal_fiber_length)
    return _ALIKE * volume / volume.sum() if settings.objective == "volume" else torch.ones_like(volume)


def _effort(
    settings: StaticOptimizationCfg, active: torch.Tensor, velocity: torch.Tensor, weights: torch.Tensor
) -> dict[str, torch.Tensor]:
    """Return the factors of the regularizer for ``effort * objective``."""
    ones = torch.ones_like(active)
    if settings.objective == "power":
        watts = active * velocity.abs()
        # A little of the squared activation makes the solution unique where muscles hold still.
        share = watts / watts.mean(1, keepdim=True).clamp(min=1e-6)
        effort = _POWER_SHARE * settings.effort
        return {"linear": effort * share, "quadratic": 0.02 * effort * ones}
    if settings.power == 3:
        return {"cubic": 3.0 * settings.effort * weights * ones}
    return {"quadratic": 2.0 * settings.effort * weights * ones}
