"""Where a body may push against the floor z = 0, and with which forces."""

from collections.abc import Sequence
from dataclasses import dataclass

import mujoco
import numpy as np
import torch

from msemu.control.independent_dofs import IndependentDofs
from msemu.errors import MsemuError
from msemu.models.body import Body

_GEOM = mujoco.mjtGeom
NUM_EDGES = 4
"""Edges of the friction pyramid: the normal, plus or minus the friction along x and y."""


@dataclass
class Contacts:
    """The C candidate points of E bodies at one instant.

    Attributes:
        position: Lowest points [m], shape [E, C, 3]; the height over the floor is z.
        velocity: Their velocities [m/s], shape [E, C, 3].
        edge_force: Generalised force about the independent degrees of freedom of one newton along each edge of the
            friction pyramid, normal part 1, shape [E, D, C, 4].
    """

    position: torch.Tensor
    velocity: torch.Tensor
    edge_force: torch.Tensor


class ContactPoints:
    """Points of a body that may touch the floor: the ends of its contact capsules, the lowest point of ellipsoids.

    The cone of friction is linearised as MuJoCo's pyramid, ``|f_x| + |f_y| <= friction f_z``, so that every force in it
    is a sum of its four edges with factors that are not negative.

    Attributes:
        names: Name of the geom of each point, C of them.
        regions: Contact region of each point.
        friction: Coefficient of friction with the floor [-], shape [C], on the host.
        edges: Directions of the edges, shape [C, 4, 3].
    """

    def __init__(self, body: Body, regions: Sequence[str], dofs: IndependentDofs, device: torch.device | str = "cpu"):
        """Prepare the points of some contact regions.

        Raises:
            MsemuError: The body lacks a region, or a geom there has a shape that this does not know.
        """
        model = body.model
        missing = [region for region in regions if region not in body.contact_regions]
        if missing:
            raise MsemuError(
                f"body '{body.name}' has no contact region {', '.join(missing)}; name the geoms in contact_regions of"
                " its recipe"
            )
        self._dofs = dofs
        geoms, offsets, axes, self.regions = [], [], [], []
        for region in regions:
            for geom in body.contact_regions[region]:
                centres, semi_axes = _ellipsoids(model, geom)
                geoms += [geom] * len(centres)
                offsets += centres
                axes += [semi_axes] * len(centres)
                self.regions += [region] * len(centres)
        self.names = tuple(model.geom(geom).name for geom in geoms)
        floor = model.geom_friction[model.geom_type == _GEOM.mjGEOM_PLANE, 0].max(initial=0.0)
        self.friction = np.maximum(model.geom_friction[geoms, 0], floor)
        bodies, body_of_point = np.unique(model.geom_bodyid[geoms], return_inverse=True)
        moves = np.array([_ancestor_dofs(model, body_id) for body_id in bodies]).reshape(-1, model.nv)
        edges = np.array([[[m, 0, 1], [-m, 0, 1], [0, m, 1], [0, -m, 1]] for m in self.friction]).reshape(
            -1, NUM_EDGES, 3
        )

        def tensor(array: np.ndarray) -> torch.Tensor:
            return torch.as_tensor(np.ascontiguousarray(array), device=device)

        self._geom = tensor(np.array(geoms, dtype=np.int64))
        self._offset, self._axes = tensor(np.array(offsets).reshape(-1, 3)), tensor(np.array(axes).reshape(-1, 3))
        self._body_of_point, self._moves = tensor(body_of_point), tensor(moves)
        self.edges = tensor(edges)

    def __len__(self) -> int:
        """Return the number C of points."""
        return len(self.names)

    def pattern(self) -> torch.Tensor:
        """Return which degrees of freedom each edge force can act on, bool, shape [D, 4 C]."""
        ones = torch.ones(1, self._moves.shape[1], dtype=self._moves.dtype, device=self._moves.device)
        acts = self._dofs.reduce(self._moves[self._body_of_point].unsqueeze(0), ones)[0] > 0
        return acts.repeat_interleave(NUM_EDGES, 0).mT

    def read(
        self,
        geom_position: torch.Tensor,
        geom_matrix: torch.Tensor,
        motion_axes: torch.Tensor,
        origin: torch.Tensor,
        slopes: torch.Tensor,
        velocity: torch.Tensor,
    ) -> Contacts:
        """Find the points and what a force on them does.

        Args:
            geom_position: Centres of all geoms [m], shape [E, G, 3].
            geom_matrix: Their orientations, shape [E, G, 9].
            motion_axes: Angular, then linear motion per unit of each degree of freedom at ``origin`` (MuJoCo's
                ``cdof``), shape [E, nv, 6].
            origin: Centre of mass of the body [m], shape [E, 3].
            slopes: From `IndependentDofs.slopes`, shape [E, nv].
            velocity: Independent velocities, shape [E, D].
        """
        rotation = geom_matrix[:, self._geom].unflatten(-1, (3, 3))
        centre = geom_position[:, self._geom] + (rotation @ self._offset.unsqueeze(-1)).squeeze(-1)
        scaled = self._axes * rotation[:, :, 2, :]
        below = (rotation @ (self._axes * scaled).unsqueeze(-1)).squeeze(-1) / scaled.norm(dim=-1, keepdim=True)
        position = centre - below
        # [E, bodies, 6, D], then per point: the linear motion is that of the origin plus rotation times lever.
        motion = self._dofs.reduce(motion_axes.transpose(1, 2).unsqueeze(1) * self._moves.unsqueeze(1), slopes)
        motion = motion[:, self._body_of_point]
        lever = (position - origin.unsqueeze(1)).unsqueeze(-1).expand(-1, -1, -1, len(self._dofs))
        jacobian = motion[:, :, 3:] + torch.linalg.cross(motion[:, :, :3], lever, dim=2)
        edge_force = torch.einsum("kef,nkfd->ndke", self.edges, jacobian)
        return Contacts(position, (jacobian @ velocity[:, None, :, None]).squeeze(-1), edge_force)

    def force(self, factors: torch.Tensor) -> torch.Tensor:
        """Return the force on each point in world axes [N], [E, C, 3], from that along its edges [N], [E, C, 4]."""
        return torch.einsum("ekf,kfx->ekx", factors, self.edges)


def _ellipsoids(model: mujoco.MjModel, geom: int) -> tuple[list[np.ndarray], np.ndarray]:
    """Return centres in the geom's frame and semi-axes of the ellipsoids whose lowest points are the candidates."""
    kind, size = model.geom_type[geom], model.geom_size[geom]
    if kind == _GEOM.mjGEOM_CAPSULE:
        end = np.array([0.0, 0.0, size[1]])
        return [end, -end], np.full(3, size[0])
    if kind == _GEOM.mjGEOM_SPHERE:
        return [np.zeros(3)], np.full(3, size[0])
    if kind == _GEOM.mjGEOM_ELLIPSOID:
        return [np.zeros(3)], size.copy()
    raise MsemuError(
        f"the contact geom '{model.geom(geom).name}' is no capsule, sphere or ellipsoid; give its region one in the"
        " recipe's contact_capsules"
    )


def _ancestor_dofs(model: mujoco.MjModel, body_id: int) -> np.ndarray:
    """Return 1 for each degree of freedom that moves a body, else 0, shape [nv]."""
    moves = np.zeros(model.nv)
    while body_id:
        start = model.body_dofadr[body_id]
        moves[start : start + model.body_dofnum[body_id]] = 1.0
        body_id = int(model.body_parentid[body_id])
    return moves
