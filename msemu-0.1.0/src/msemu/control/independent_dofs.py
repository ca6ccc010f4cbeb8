"""The degrees of freedom that are left when the coupled joints follow their drivers."""

import numpy as np
import torch

from msemu.models.body import Body

ROOT_DOFS = 6
"""The free root: three translations in world axes, then three rotations in the axes of the root body."""
_ROOT_NAMES = tuple(f"root_{kind}_{axis}" for kind in ("translation", "rotation") for axis in "xyz")


class IndependentDofs:
    """The D degrees of freedom v of which all velocities follow: ``qvel = G(q) v`` with the couplings' slopes in G.

    A generalized force f does the work ``f . qvel = (G^T f) . v``, so forces are reduced by ``G^T``. The forces that
    hold the couplings do no work and vanish in the reduced equation of motion.

    Attributes:
        names: Names of the D degrees of freedom: six of the root, then the independent joints.
        index: Where they stand in ``qvel``, shape [D].
    """

    def __init__(self, body: Body):
        """Prepare the indices of ``body``."""
        model, couplings = body.model, body.couplings
        joints = np.asarray(body.independent_joints)
        host_index = body.independent_dofs
        place = np.full(model.nv, -1)
        place[host_index] = np.arange(len(host_index))
        driven = couplings.driver_dof >= 0
        self.names = _ROOT_NAMES + tuple(body.joint_names[joint] for joint in joints)

        self.index = torch.from_numpy(host_index)
        self._dependent = torch.from_numpy(couplings.dependent_dof[driven])
        self._driver = torch.from_numpy(place[couplings.driver_dof[driven]])
        self._driver_qpos = torch.from_numpy(couplings.driver[driven])
        self._driver_reference = torch.from_numpy(couplings.reference[couplings.driver[driven]])
        powers = np.arange(1, couplings.coefficients.shape[1])
        self._slope_coefficients = torch.from_numpy(couplings.coefficients[driven, 1:] * powers)
        self._curvature_coefficients = self._slope_coefficients[:, 1:] * torch.from_numpy(powers[:-1])
        # Every degree of freedom of the model hangs on one independent one, with slope 1 when it is that one itself.
        owner = np.where(place >= 0, place, 0)
        owner[couplings.dependent_dof[driven]] = place[couplings.driver_dof[driven]]
        self.owner = torch.from_numpy(owner)
        self._own_slope = torch.from_numpy(np.where(place >= 0, 1.0, 0.0))

    def __len__(self) -> int:
        """Return the number D of degrees of freedom."""
        return len(self.names)

    def slopes(self, qpos: torch.Tensor) -> torch.Tensor:
        """Return the speed of every degree of freedom over that of the one it hangs on, shape [E, nv]."""
        slopes = self._own_slope.to(qpos.dtype).expand(len(qpos), -1).clone()
        slopes[:, self._dependent] = self._polynomial(qpos, self._slope_coefficients)
        return slopes

    def reduce(self, force: torch.Tensor, slopes: torch.Tensor) -> torch.Tensor:
        """Return ``G^T force``, shape [E, ..., D], of forces or moment arms, [E, ..., nv], by their `slopes`."""
        slopes = slopes.reshape(len(slopes), *(1,) * (force.ndim - 2), -1)
        reduced = force.new_zeros(*force.shape[:-1], len(self))
        return reduced.index_add_(force.ndim - 1, self.owner, force * slopes)

    def expand(self, velocity: torch.Tensor, slopes: torch.Tensor) -> torch.Tensor:
        """Return ``G velocity`` for velocities of the independent degrees of freedom, shape [E, nv]."""
        return velocity[:, self.owner] * slopes

    def acceleration_bias(self, qpos: torch.Tensor, qvel: torch.Tensor) -> torch.Tensor:
        """Return the acceleration of every degree of freedom at zero independent acceleration, ``dG/dt v``, [E, nv]."""
        bias = torch.zeros_like(qvel)
        driver_speed = qvel[:, self.index[self._driver]]
        bias[:, self._dependent] = self._polynomial(qpos, self._curvature_coefficients) * driver_speed**2
        return bias

    def _polynomial(self, qpos: torch.Tensor, coefficients: torch.Tensor) -> torch.Tensor:
        """Evaluate polynomials in the drivers' offsets by Horner's rule, shape [E, C]."""
        offset = qpos[:, self._driver_qpos] - self._driver_reference.to(qpos.dtype)
        coefficients = coefficients.to(qpos.dtype)
        value = coefficients[:, -1].expand_as(offset)
        for power in range(coefficients.shape[1] - 2, -1, -1):
            value = value * offset + coefficients[:, power]
        return value
