"""Where a body may push against the floor z = 0, and with which forces."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import warp as wp

from msemu.control.independent_dofs import IndependentDofs
from msemu.control.solver.arrays import as_array
from msemu.errors import MsemuError
from msemu.models.body import Body
from msemu.models.geoms import ellipsoids, floor_friction, friction_pyramid
from msemu.muscle.paths.parts import ancestor_dofs
from msemu.schema import ContactCfg

wp.set_module_options({"enable_backward": False})

NUM_EDGES = 4
"""Edges of the friction pyramid: the normal, plus or minus the friction along x and y."""


@dataclass
class Contacts:
    """The C candidate points of E bodies at one instant.

    Attributes:
        position: Lowest points [m], shape [E, C, 3]; the height over the floor is z.
        velocity: Their velocities [m/s], shape [E, C, 3].
        edge_force: Generalized force about the independent degrees of freedom of one newton along each edge of the
            friction pyramid, normal part 1, shape [E, D, C, 4].
    """

    position: torch.Tensor
    velocity: torch.Tensor
    edge_force: torch.Tensor

    def within(self, limits: ContactCfg, factor: float = 1.0) -> torch.Tensor:
        """Return which points are lower and slower than so many times the limits, bool, shape [E, C]."""
        low = self.position[..., 2] < factor * limits.height_m
        return low & (self.velocity.norm(dim=-1) < factor * limits.speed_m_s)


@wp.struct
class _PointTable:
    """What does not change about C points."""

    geom: wp.array(dtype=int)  # shape [C]
    offset: wp.array(dtype=wp.vec3d)  # center of the ellipsoid in the geom's frame
    axes: wp.array(dtype=wp.vec3d)  # its semi-axes
    edge: wp.array2d(dtype=wp.vec3d)  # directions of the edges, shape [C, 4]
    dof_start: wp.array(dtype=int)  # where the degrees of freedom that move each point begin, shape [C + 1]
    dof: wp.array(dtype=int)  # which they are
    owner: wp.array(dtype=int)  # independent one on which each degree of freedom hangs, shape [nv]


@wp.kernel(enable_backward=False)
def _read_points(
    table: _PointTable,
    geom_position_in: wp.array2d(dtype=wp.vec3d),
    geom_matrix_in: wp.array2d(dtype=wp.mat33d),
    motion_axes_in: wp.array2d(dtype=wp.spatial_vectord),
    origin_in: wp.array(dtype=wp.vec3d),
    slopes_in: wp.array2d(dtype=wp.float64),
    velocity_in: wp.array2d(dtype=wp.float64),
    position_out: wp.array2d(dtype=wp.vec3d),
    velocity_out: wp.array2d(dtype=wp.vec3d),
    edge_force_out: wp.array4d(dtype=wp.float64),
):
    worldid, point = wp.tid()
    geom = table.geom[point]
    rotation = geom_matrix_in[worldid, geom]
    axes = table.axes[point]
    # The lowest point of an ellipsoid is where its normal points down.
    scaled = wp.cw_mul(axes, rotation[2])
    below = rotation * wp.cw_mul(axes, scaled) / wp.length(scaled)
    position = geom_position_in[worldid, geom] + rotation * table.offset[point] - below
    lever = position - origin_in[worldid]
    velocity = wp.vec3d()
    for index in range(table.dof_start[point], table.dof_start[point + 1]):
        dof = table.dof[index]
        owner = table.owner[dof]
        # The motion of the point is that of the origin plus rotation times lever.
        axis = motion_axes_in[worldid, dof]
        motion = slopes_in[worldid, dof] * (wp.spatial_bottom(axis) + wp.cross(wp.spatial_top(axis), lever))
        velocity += velocity_in[worldid, owner] * motion
        for edge in range(wp.static(NUM_EDGES)):
            edge_force_out[worldid, owner, point, edge] += wp.dot(motion, table.edge[point, edge])
    position_out[worldid, point] = position
    velocity_out[worldid, point] = velocity


class ContactPoints:
    """Points of a body that may touch the floor: the ends of its contact capsules, the lowest point of ellipsoids.

    The cone of friction is linearized as MuJoCo's pyramid, ``|f_x| + |f_y| <= friction f_z``, so that every force in it
    is a sum of its four edges with factors that are not negative.

    Attributes:
        names: Name of the geom of each point, C of them; empty where it has none.
        bodies: Body of each point, shape [C].
        regions: Contact region of each point.
        friction: Coefficient of friction with the floor [-], shape [C], on the host.
        edges: Directions of the edges, shape [C, 4, 3].
    """

    def __init__(self, body: Body, regions: Sequence[str], dofs: IndependentDofs):
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
        geoms, offsets, axes, self.regions = [], [], [], []
        for region in regions:
            for geom in body.contact_regions[region]:
                centers, semi_axes = ellipsoids(model, geom)
                geoms += [geom] * len(centers)
                offsets += list(centers)
                axes += [semi_axes] * len(centers)
                self.regions += [region] * len(centers)
        self.names = tuple(model.geom(geom).name for geom in geoms)
        self.bodies = model.geom_bodyid[np.array(geoms, dtype=int)]
        self.friction = floor_friction(model, np.array(geoms, dtype=int))
        edges = friction_pyramid(self.friction)

        moving = [ancestor_dofs(model, body_id) for body_id in model.geom_bodyid[geoms]]
        moves = np.array(moving).reshape(-1, model.nv)
        point, dof = np.nonzero(moves)
        owner = dofs.owner.numpy()
        self._acts = np.zeros((len(dofs), len(geoms)), dtype=bool)
        self._acts[owner[dof], point] = True
        self._table = _PointTable()
        dof_start = np.concatenate([[0], np.cumsum(moves.sum(axis=1))])
        for name, indices in {"geom": geoms, "dof_start": dof_start, "dof": dof, "owner": owner}.items():
            setattr(self._table, name, wp.array(np.array(indices), dtype=int, device="cpu"))
        for name, vectors in (("offset", offsets), ("axes", axes)):
            setattr(self._table, name, wp.array(np.array(vectors).reshape(-1, 3), dtype=wp.vec3d, device="cpu"))
        self._table.edge = wp.array(edges, dtype=wp.vec3d, device="cpu")
        self.edges = torch.from_numpy(edges)

    def __len__(self) -> int:
        """Return the number C of points."""
        return len(self.names)

    def pattern(self) -> torch.Tensor:
        """Return which degrees of freedom each edge force can act on, bool, shape [D, 4 C]."""
        return torch.from_numpy(self._acts.repeat(NUM_EDGES, axis=1))

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
            geom_position: Centers of all geoms [m], shape [E, G, 3].
            geom_matrix: Their orientations, shape [E, G, 9].
            motion_axes: Angular, then linear motion per unit of each degree of freedom at ``origin`` (MuJoCo's
                ``cdof``), shape [E, nv, 6].
            origin: Center of mass of the body [m], shape [E, 3].
            slopes: From `IndependentDofs.slopes`, shape [E, nv].
            velocity: Independent velocities, shape [E, D].
        """
        shape = (len(velocity), len(self))
        position, speed = velocity.new_empty(*shape, 3), velocity.new_empty(*shape, 3)
        edge_force = velocity.new_zeros(shape[0], velocity.shape[1], shape[1], NUM_EDGES)
        wp.launch(
            _read_points,
            dim=shape,
            inputs=[
                self._table,
                as_array(geom_position, dtype=wp.vec3d),
                as_array(geom_matrix.unflatten(-1, (3, 3)), dtype=wp.mat33d),
                as_array(motion_axes, dtype=wp.spatial_vectord),
                as_array(origin, dtype=wp.vec3d),
                as_array(slopes),
                as_array(velocity),
            ],
            outputs=[
                as_array(position, dtype=wp.vec3d),
                as_array(speed, dtype=wp.vec3d),
                as_array(edge_force),
            ],
            device="cpu",
        )
        return Contacts(position, speed, edge_force)

    def force(self, factors: torch.Tensor) -> torch.Tensor:
        """Return the force on each point in world axes [N], [E, C, 3], from that along its edges [N], [E, C, 4]."""
        return torch.einsum("ekf,kfx->ekx", factors, self.edges)
