"""Parameters of the muscles of a MuJoCo model."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from msemu.errors import MsemuError, suggestion

if TYPE_CHECKING:
    import mujoco

FIBER_DAMPING = 0.1
"""Damping of the fiber [maximum isometric force over maximum speed], Millard et al. 2013 (doi 10.1115/1.4023390)."""
TENDON_STRAIN = 0.049
"""Strain of the tendon at maximum isometric force, Millard et al. 2013."""

RIGID_TENDON_RATIO = 0.05
"""Slack length over optimal fiber length below which the ``elastic`` level takes the tendon as rigid.

At maximum isometric force such a tendon stretches by 0.25 % of the optimal fiber length, which changes the isometric
force by less than 1 % of its maximum; and the shorter a tendon, the coarser single precision resolves its strain.
"""

_PASSIVE_TWINS = {
    "max_isometric_force": "passive_max_isometric_force",
    "optimal_fiber_length": "passive_optimal_fiber_length",
    "tendon_slack_length": "passive_tendon_slack_length",
    "lmax": "passive_lmax",
}


@dataclass(frozen=True)
class MuscleParameters:
    """The parameter table of M muscles; every column has shape [M].

    MuJoCo stores no fiber or tendon length: it gives the muscle-tendon length range [m] (``lengthrange``) and what that
    range is in units of the optimal fiber length (``range``). Inverting the two gives both lengths
    (mujoco.readthedocs.io, "Muscle actuators"). The passive force of a MuJoCo muscle has parameters of its own
    (``biasprm``), which may differ from those of the active force (``gainprm``). The columns that begin with
    ``passive_``, and `lmin`, `lmax`, `fvmax` and `fpmax`, matter at the ``mujoco`` level only; `pennation_angle` and
    `fiber_damping` at the others; `tendon_strain` at ``elastic``.

    Attributes:
        names: Muscle names, M of them.
        max_isometric_force: Peak isometric force [N].
        optimal_fiber_length: Fiber length L0 of greatest force [m].
        tendon_slack_length: Length from which the tendon pulls [m].
        pennation_angle: Angle between fiber and tendon at the optimal fiber length [rad].
        max_contraction_velocity: Greatest shortening speed [L0/s].
        fiber_damping: Force of the fiber's damper at the greatest speed over `max_isometric_force` [-].
        tendon_strain: Strain of the tendon at `max_isometric_force` [-].
        activation_time: Time constant of activation [s].
        deactivation_time: Time constant of deactivation [s].
        activation_smoothing: Width of MuJoCo's blend between the two, in excitation minus activation [-].
        lmin: Normalized fiber length where MuJoCo's active force begins [-].
        lmax: Normalized fiber length where MuJoCo's active force ends [-].
        fvmax: Greatest force of MuJoCo's force-velocity curve [-].
        fpmax: MuJoCo's passive force at `passive_lmax`, over `passive_max_isometric_force` [-].
        passive_lmax: Normalized fiber length that scales MuJoCo's passive curve [-].
        passive_max_isometric_force: Scale of MuJoCo's passive force [N].
        passive_optimal_fiber_length: Fiber length where MuJoCo's passive force begins [m].
        passive_tendon_slack_length: Tendon length of MuJoCo's passive force [m].
        sources: Where each value of a column comes from, by column name; arrays of strings.
    """

    names: tuple[str, ...]
    max_isometric_force: np.ndarray
    optimal_fiber_length: np.ndarray
    tendon_slack_length: np.ndarray
    pennation_angle: np.ndarray
    max_contraction_velocity: np.ndarray
    fiber_damping: np.ndarray
    tendon_strain: np.ndarray
    activation_time: np.ndarray
    deactivation_time: np.ndarray
    activation_smoothing: np.ndarray
    lmin: np.ndarray
    lmax: np.ndarray
    fvmax: np.ndarray
    fpmax: np.ndarray
    passive_lmax: np.ndarray
    passive_max_isometric_force: np.ndarray
    passive_optimal_fiber_length: np.ndarray
    passive_tendon_slack_length: np.ndarray
    sources: dict[str, np.ndarray]

    @classmethod
    def of(cls, model: mujoco.MjModel) -> MuscleParameters:
        """Recover the parameters of every actuator of ``model``, all of which must be muscles.

        Raises:
            MsemuError: The model has no actuators, one is not a muscle, or one has no length range or no force.
        """
        names = tuple(model.actuator(index).name or f"actuator {index}" for index in range(model.nu))
        _require_muscles(model, names)
        lmin, lmax, max_contraction_velocity, _, fvmax = model.actuator_gainprm[:, 4:9].T
        activation_time, deactivation_time, smoothing = model.actuator_dynprm[:, :3].T
        force, optimal, slack = _force_and_lengths(model, model.actuator_gainprm)
        passive_force, passive_optimal, passive_slack = _force_and_lengths(model, model.actuator_biasprm)
        columns = {
            "max_isometric_force": (force, _force_source(model, "gainprm")),
            "optimal_fiber_length": (optimal, "lengthrange and gainprm range"),
            "tendon_slack_length": (slack, "lengthrange and gainprm range"),
            "pennation_angle": (0.0, "none in MuJoCo"),
            "max_contraction_velocity": (max_contraction_velocity, "gainprm vmax"),
            "fiber_damping": (FIBER_DAMPING, "Millard et al. 2013"),
            "tendon_strain": (TENDON_STRAIN, "Millard et al. 2013"),
            "activation_time": (activation_time, "dynprm"),
            "deactivation_time": (deactivation_time, "dynprm"),
            "activation_smoothing": (smoothing, "dynprm"),
            "lmin": (lmin, "gainprm"),
            "lmax": (lmax, "gainprm"),
            "fvmax": (fvmax, "gainprm"),
            "fpmax": (model.actuator_biasprm[:, 7], "biasprm"),
            "passive_lmax": (model.actuator_biasprm[:, 5], "biasprm"),
            "passive_max_isometric_force": (passive_force, _force_source(model, "biasprm")),
            "passive_optimal_fiber_length": (passive_optimal, "lengthrange and biasprm range"),
            "passive_tendon_slack_length": (passive_slack, "lengthrange and biasprm range"),
        }
        values = {column: np.array(np.broadcast_to(value, model.nu), float) for column, (value, _) in columns.items()}
        sources = {
            column: np.array(np.broadcast_to(np.asarray(source, object), model.nu))
            for column, (_, source) in columns.items()
        }
        return cls(names=names, **values, sources=sources)

    def __len__(self) -> int:
        """Return the number of muscles M."""
        return len(self.names)

    @property
    def has_rigid_tendon(self) -> np.ndarray:
        """Muscles whose tendon is too short to be elastic, see `RIGID_TENDON_RATIO`; bool, shape [M]."""
        return self.tendon_slack_length < RIGID_TENDON_RATIO * self.optimal_fiber_length

    def replaced(self, muscle: str, values: dict[str, float], source: str) -> MuscleParameters:
        """Return the table with other values for one muscle.

        A new maximum force, optimal fiber length, slack length or lmax holds for MuJoCo's passive force as well, unless
        ``values`` gives that its own.

        Args:
            muscle: Name of the muscle.
            values: New values by column name, in the units of the table.
            source: Where they come from.

        Raises:
            MsemuError: There is no such muscle or column, or a value is not a finite number.
        """
        if muscle not in self.names:
            hint = suggestion(muscle, self.names, "see: msemu-model muscles BODY")
            raise MsemuError(f"{source}: the body has no muscle '{muscle}'{hint}")
        index = self.names.index(muscle)
        twins = {_PASSIVE_TWINS[column]: value for column, value in values.items() if column in _PASSIVE_TWINS}
        changed: dict[str, Any] = {}
        sources = dict(self.sources)
        for column, value in (twins | values).items():
            if column not in COLUMNS:
                hint = suggestion(column, COLUMNS)
                raise MsemuError(f"{source}: unknown column '{column}' of muscle '{muscle}'{hint}")
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not np.isfinite(value):
                raise MsemuError(f"{source}: {column} of muscle '{muscle}' must be a number, not {value!r}")
            changed[column] = getattr(self, column).copy()
            changed[column][index] = value
            sources[column] = sources[column].copy()
            sources[column][index] = source
        return replace(self, **changed, sources=sources)


COLUMNS = tuple(field.name for field in fields(MuscleParameters) if field.name not in ("names", "sources"))
"""Names of the numeric columns of `MuscleParameters`."""


def _require_muscles(model: mujoco.MjModel, names: tuple[str, ...]) -> None:
    import mujoco

    if model.nu == 0:
        raise MsemuError("the body has no muscles: give a model whose actuators are <muscle>")
    is_muscle = (
        (model.actuator_dyntype == mujoco.mjtDyn.mjDYN_MUSCLE)
        & (model.actuator_gaintype == mujoco.mjtGain.mjGAIN_MUSCLE)
        & (model.actuator_biastype == mujoco.mjtBias.mjBIAS_MUSCLE)
    )
    if not is_muscle.all():
        raise MsemuError(
            f"actuator '{names[int(np.argmin(is_muscle))]}' is not a muscle: replace it by a <muscle> or remove it"
        )
    no_range = np.diff(model.actuator_lengthrange)[:, 0] <= 0
    if no_range.any():
        raise MsemuError(
            f"muscle '{names[int(np.argmax(no_range))]}' has no lengthrange: give it one in the XML, or compile"
            ' the model with <compiler><lengthrange mode="muscle" useexisting="false"/></compiler>'
        )
    for prm in (model.actuator_gainprm, model.actuator_biasprm):
        bad_range = prm[:, 1] <= prm[:, 0]
        if bad_range.any():
            raise MsemuError(f"muscle '{names[int(np.argmax(bad_range))]}': its 'range' must go from short to long")
        no_force = (prm[:, 2] < 0) & (model.actuator_acc0 <= 0)
        if no_force.any():
            raise MsemuError(
                f"muscle '{names[int(np.argmax(no_force))]}' has no force, and moves no joint from which one"
                " could be derived: give it a force or remove it"
            )


def _force_and_lengths(model: mujoco.MjModel, prm: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the maximum force [N], the optimal fiber length [m] and the tendon slack length [m]."""
    range_low, range_high, force, scale = prm[:, :4].T
    length_low, length_high = model.actuator_lengthrange.T
    optimal_fiber_length = (length_high - length_low) / (range_high - range_low)
    # MuJoCo scales a force that is not given by the acceleration that a unit force causes.
    derived = np.divide(scale, model.actuator_acc0, out=np.zeros_like(scale), where=model.actuator_acc0 > 0)
    return np.where(force < 0, derived, force), optimal_fiber_length, length_low - range_low * optimal_fiber_length


def _force_source(model: mujoco.MjModel, prm: str) -> np.ndarray:
    given = getattr(model, f"actuator_{prm}")[:, 2] >= 0
    return np.where(given, f"{prm} force", f"{prm} scale over acc0").astype(object)
