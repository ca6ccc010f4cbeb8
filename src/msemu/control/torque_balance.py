"""The balance of generalized forces as a bounded least-squares problem in activations and contact forces."""

from dataclasses import dataclass

import torch

from msemu.control.contact_points import NUM_EDGES
from msemu.control.dynamics import DynamicsState
from msemu.control.independent_dofs import ROOT_DOFS, IndependentDofs
from msemu.control.solver.dense import BoundedLeastSquares
from msemu.models.body import Body
from msemu.models.muscle_paths import moment_arms
from msemu.models.poses import random_poses
from msemu.muscle.parameters import MuscleParameters
from msemu.schema import ContactCfg, DecoderCfg

_ROOT_LEVER_M = 0.3
"""Lever at which a root force of a body weight counts as much as its moment: half the width of a pelvis."""
_LEAST_CAPACITY = 0.5
"""Least scale of a joint [N m or N]; joints that no muscle moves would else outweigh all others."""
_NUM_POSES = 20


@dataclass(frozen=True)
class Places:
    """Where P entries of the matrix of `TorqueBalance` come from, those of muscles first.

    Attributes:
        muscle: Muscle of each of the first entries.
        arm: Their place among all moment arms of a body.
        edge: Place of each of the others among the edge forces of a body.
        factor: What they are multiplied by, shape [P].
    """

    muscle: torch.Tensor
    arm: torch.Tensor
    edge: torch.Tensor
    factor: torch.Tensor


class TorqueBalance:
    """Turns dynamics and muscle capacity into problems in M activations and then 4 edge forces of each contact point.

    The rows are the independent degrees of freedom, each divided by a scale: the root by the body weight (moments at
    0.3 m), a joint by its capacity, the root mean square over random poses of the torque that its muscles could give
    one by one, ``sqrt(sum (r F0)^2)``. So an error counts as a share of the joint's strength.

    Attributes:
        scale: Scale of each row [N or N m], shape [D].
        body_weight: Weight of the body [N].
    """

    def __init__(self, body: Body, dofs: IndependentDofs, contact: ContactCfg):
        """Measure the scales."""
        self.contact = contact
        self.body_weight, self._mass = body.weight, body.mass
        poses = torch.from_numpy(random_poses(body.model, _NUM_POSES, seed=0))
        arms = torch.from_numpy(moment_arms(body.model, poses.numpy()))
        arms = dofs.reduce(arms, dofs.slopes(poses))
        force = torch.from_numpy(MuscleParameters.of(body.model).max_isometric_force)
        capacity = (arms * force.unsqueeze(-1)).square().sum(1).mean(0).sqrt().clamp(min=_LEAST_CAPACITY)
        capacity[:3] = self.body_weight
        capacity[3:6] = self.body_weight * _ROOT_LEVER_M
        self.scale = capacity

    def touching(self, state: DynamicsState) -> torch.Tensor:
        """Return which candidate points may be in contact, bool, shape [E, C]."""
        return state.contacts.within(self.contact)

    def problem(
        self,
        state: DynamicsState,
        active: torch.Tensor,
        passive: torch.Tensor,
        touching: torch.Tensor | None,
        effort: dict[str, torch.Tensor],
        lower: torch.Tensor,
        upper: torch.Tensor,
    ) -> BoundedLeastSquares:
        """Build the problems of E bodies.

        Args:
            state: The equation of motion.
            active: Force at full activation [N], shape [E, M].
            passive: Passive force [N], shape [E, M].
            touching: From `touching`, shape [E, C]; None for muscles alone, the state being net of the floor.
            effort: ``linear``, ``quadratic`` and ``cubic`` of the activations, [E, M] each; missing ones are zero.
            lower: Least activation, shape [E, M].
            upper: Greatest activation, shape [E, M].
        """
        pull = -(state.moment_arms * active.unsqueeze(-1)).mT
        push = pull[..., :0]
        if touching is not None:
            push = (self.body_weight * state.contacts.edge_force * touching[:, None, :, None]).flatten(2)
        matrix = torch.cat((pull, push), 2) / self.scale.unsqueeze(-1)
        count = push.shape[2]

        def join(of_muscles: torch.Tensor, of_edges: float) -> torch.Tensor:
            return torch.cat((of_muscles, of_muscles.new_full((len(of_muscles), count), of_edges)), 1)

        return BoundedLeastSquares(
            matrix=matrix,
            target=self.target(state, passive),
            quadratic=join(effort.get("quadratic", torch.zeros_like(active)), 2.0 * self.contact.effort),
            linear=join(effort["linear"], 0.0) if "linear" in effort else None,
            cubic=join(effort["cubic"], 0.0) if "cubic" in effort else None,
            lower=join(lower, 0.0),
            upper=join(upper, self.contact.max_force_bw),
        )

    def target(self, state: DynamicsState, passive: torch.Tensor) -> torch.Tensor:
        """Return what activations and floor have to give, over the scale, shape [E, D]."""
        return (state.required_force + state.arms.generalized_force(passive)) / self.scale

    def covariance(self, state: DynamicsState, settings: DecoderCfg) -> torch.Tensor:
        """Return S, shape [E, D, D]: a residual e of the scaled rows costs ``1/2 e^T S^-1 e``.

        The residual of the generalized forces is ``M da`` for an error da of the acceleration, M being the mass matrix.
        With S in proportion to M it costs ``1/2 da^T M da``, in which the errors of all bodies, whatever joint they
        come from, count by their mass (Gauss's principle of least constraint). Light joints count as if they had more
        inertia: what lies beyond a toe weighs next to nothing, and what it lacks is taken up by floor and limits.
        """
        if settings.objective == "torque":
            count = len(self.scale)
            return torch.eye(count, dtype=self.scale.dtype).expand(len(state.required_force), count, count)
        error = self._mass * settings.acceleration_error_m_s2**2
        more = (settings.joint_inertia_kg_m2 - state.mass.diagonal(dim1=1, dim2=2)).clamp(min=0.0)
        more[:, :ROOT_DOFS] = 0.0
        return error * (state.mass + torch.diag_embed(more)) / (self.scale.unsqueeze(1) * self.scale)

    def missing_acceleration(self, squared: torch.Tensor, settings: DecoderCfg) -> torch.Tensor:
        """Return the root mean square over the body's mass of what costs ``e^T S^-1 e`` [m/s^2], shape [E]."""
        if settings.objective == "torque":
            return torch.full_like(squared, torch.nan)
        return settings.acceleration_error_m_s2 * squared.clamp(min=0.0).sqrt()

    def places(self, row: torch.Tensor, column: torch.Tensor, num_muscles: int, num_edges: int) -> Places:
        """Prepare `entries` of the matrix of `problem` by row and ascending column, shape [P] each."""
        of_muscle = column < num_muscles
        muscle, edge = column[of_muscle], column[~of_muscle] - num_muscles
        return Places(
            muscle=muscle,
            arm=muscle * len(self.scale) + row[of_muscle],
            edge=row[~of_muscle] * num_edges + edge,
            factor=torch.where(of_muscle, -1.0, self.body_weight) / self.scale[row],
        )

    def entries(self, state: DynamicsState, active: torch.Tensor, places: Places) -> torch.Tensor:
        """Return entries of the matrix of `problem` with every point touching, shape [E, P].

        ``active`` is the force at full activation [N], shape [E, M].
        """
        pull = state.arms.at(places.arm) * active.index_select(1, places.muscle)
        push = state.contacts.edge_force.flatten(1).index_select(1, places.edge)
        return torch.cat((pull, push), 1) * places.factor

    def edge_forces(self, x: torch.Tensor, num_muscles: int) -> torch.Tensor:
        """Return the force along each edge of each point [N], shape [E, C, 4], from a solution."""
        return self.body_weight * x[:, num_muscles:].unflatten(1, (-1, NUM_EDGES))
