"""Joints that a polynomial of another joint prescribes (MuJoCo's joint equalities)."""

from dataclasses import dataclass

import mujoco
import numpy as np

_RANGE_STEPS = 1001


@dataclass(frozen=True)
class Couplings:
    """Polynomial couplings ``q[dependent] = q0[dependent] + sum_k c[k] (q[driver] - q0[driver])^k``.

    Attributes:
        dependent: Index into ``qpos`` of each dependent joint, shape [C].
        driver: Index into ``qpos`` of its driver; -1 for a joint held at a constant, shape [C].
        dependent_dof: Index into ``qvel`` of each dependent joint, shape [C].
        driver_dof: Index into ``qvel`` of its driver or -1, shape [C].
        coefficients: Polynomial coefficients, shape [C, 5].
        reference: ``qpos0`` of the model, shape [nq].
    """

    dependent: np.ndarray
    driver: np.ndarray
    dependent_dof: np.ndarray
    driver_dof: np.ndarray
    coefficients: np.ndarray
    reference: np.ndarray

    @classmethod
    def of(cls, model: mujoco.MjModel) -> "Couplings":
        """Read the active joint equalities of ``model``."""
        rows = np.flatnonzero((model.eq_type == mujoco.mjtEq.mjEQ_JOINT) & model.eq_active0.astype(bool))
        first, second = model.eq_obj1id[rows], model.eq_obj2id[rows]
        has_driver = second >= 0
        return cls(
            dependent=model.jnt_qposadr[first],
            driver=np.where(has_driver, model.jnt_qposadr[second], -1),
            dependent_dof=model.jnt_dofadr[first],
            driver_dof=np.where(has_driver, model.jnt_dofadr[second], -1),
            coefficients=model.eq_data[rows, :5].copy(),
            reference=model.qpos0.copy(),
        )

    def project(self, qpos: np.ndarray) -> np.ndarray:
        """Return ``qpos`` with every dependent joint set from its driver, shape [..., nq].

        Drivers that are themselves dependent are resolved by repeating the pass.
        """
        qpos = np.array(qpos, dtype=float)
        for _ in range(3):
            qpos[..., self.dependent] = self._values(qpos)
        return qpos

    def residual(self, qpos: np.ndarray) -> np.ndarray:
        """Return the violation of each coupling [rad or m], shape [..., C]."""
        return qpos[..., self.dependent] - self._values(qpos)

    def project_velocity(self, qpos: np.ndarray, qvel: np.ndarray) -> np.ndarray:
        """Return ``qvel`` with every dependent joint's velocity set by the chain rule, shape [..., nv]."""
        qvel = np.array(qvel, dtype=float)
        slope = self._slopes(qpos)
        for _ in range(3):
            speed = np.where(self.driver_dof >= 0, qvel[..., self.driver_dof], 0.0)
            qvel[..., self.dependent_dof] = slope * speed
        return qvel

    def reduction(self, qpos: np.ndarray, dofs: np.ndarray) -> np.ndarray:
        """Return the derivative of all velocities by those of the degrees of freedom ``dofs`` [D], shape [nv, D]."""
        return self.project_velocity(qpos, np.eye(len(self.reference) - 1)[dofs]).T

    def ranges(self, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """Return the least and greatest value of each dependent joint over the range of its driver, shape [C, 2].

        Each joint has one driver, so all drivers go through their ranges, from ``low`` to ``high`` [nq], at once.
        """
        share = np.linspace(0.0, 1.0, _RANGE_STEPS)[:, None]
        values = self.project(low + share * (high - low))[:, self.dependent]
        return np.stack([values.min(axis=0), values.max(axis=0)], axis=1)

    def _offset(self, qpos: np.ndarray) -> np.ndarray:
        return np.where(self.driver >= 0, qpos[..., self.driver] - self.reference[self.driver], 0.0)

    def _values(self, qpos: np.ndarray) -> np.ndarray:
        return self.reference[self.dependent] + _horner(self._offset(qpos), self.coefficients.T)

    def _slopes(self, qpos: np.ndarray) -> np.ndarray:
        return _horner(self._offset(qpos), self.coefficients.T[1:] * np.arange(1, 5)[:, None])


def _horner(x: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
    """Return the polynomials with the given coefficients, shape [K, C], constants first, at ``x``, shape [..., C]."""
    value = np.zeros_like(x)
    for coefficient in coefficients[::-1]:
        value = value * x + coefficient
    return value
