"""What a static optimisation found, in figures and in files."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from msemu.control.independent_dofs import ROOT_DOFS
from msemu.control.static_optimization import StaticOptimization
from msemu.errors import MsemuError
from msemu.motion.opensim_storage import write_storage

_SATURATED = 0.99
_WEAK_SHARE = 0.05
_WEAK_CAPACITY = 0.01


@dataclass(frozen=True)
class Weakness:
    """A joint whose muscles do not give its torque.

    Attributes:
        joint: Name of the joint.
        frame: Frame in which most is missing.
        missing: Torque that is missing there [N m, N at slides].
        needed: Torque that the muscles should give there.
        greatest: Greatest torque that they should give in any frame.
        frames: Number of frames with a notable lack.
    """

    joint: str
    frame: int
    missing: float
    needed: float
    greatest: float
    frames: int


def find_weaknesses(result: StaticOptimization) -> list[Weakness]:
    """Return the joints that miss over 5 % of their greatest torque and 1 % of their capacity, the worst first."""
    missing, needed = result.residual[:, ROOT_DOFS:], result.net_torque[:, ROOT_DOFS:]
    greatest = np.abs(needed).max(axis=0)
    notable = np.abs(missing) > np.maximum(_WEAK_SHARE * greatest, _WEAK_CAPACITY * result.capacity[ROOT_DOFS:])
    found = []
    for joint in np.flatnonzero(notable.any(axis=0)):
        frame = int(np.abs(missing[:, joint]).argmax())
        found.append(
            Weakness(
                joint=result.dof_names[ROOT_DOFS + joint],
                frame=frame,
                missing=float(missing[frame, joint]),
                needed=float(needed[frame, joint]),
                greatest=float(greatest[joint]),
                frames=int(notable[:, joint].sum()),
            )
        )
    capacity = dict(zip(result.dof_names, result.capacity, strict=True))
    return sorted(found, key=lambda weakness: -abs(weakness.missing) / capacity[weakness.joint])


def summarise(result: StaticOptimization) -> dict[str, Any]:
    """Return the figures of a static optimisation; torques of slides count as they are."""
    joints = slice(ROOT_DOFS, None)
    residual, needed = np.abs(result.residual[:, joints]), np.abs(result.net_torque[:, joints])
    vertical = result.contact_force[:, :, 2].sum(axis=1) / result.body_weight
    return {
        "frames": len(result.activation),
        "unconverged_frames": np.flatnonzero(~result.converged).tolist(),
        "relative_gap_max": float(result.relative_gap.max()),
        "frames_without_contact": int((~result.touching.any(axis=1)).sum()),
        "torque_missing_share": float(residual.sum() / max(needed.sum(), 1e-12)),
        "root_force_residual_median_bw": float(np.median(result.root_force_residual)),
        "root_force_residual_max_bw": float(result.root_force_residual.max()),
        "root_force_residual_max_frame": int(result.root_force_residual.argmax()),
        "root_moment_residual_median_nm": float(np.median(result.root_moment_residual)),
        "root_moment_residual_max_nm": float(result.root_moment_residual.max()),
        "contact_force_mean_bw": float(vertical.mean()),
        "contact_force_max_bw": float(vertical.max()),
        "activation_mean": float(result.activation.mean()),
        "saturated_share": float((result.activation > _SATURATED).mean()),
        "sum_of_squared_activation_mean": float((result.activation**2).sum(axis=1).mean()),
    }


def region_forces(result: StaticOptimization) -> dict[str, np.ndarray]:
    """Return the force of the floor on each contact region [N], shape [T, 3] each."""
    regions = np.array(result.point_regions)
    return {region: result.contact_force[:, regions == region].sum(axis=1) for region in dict.fromkeys(regions)}


def write_files(result: StaticOptimization, time: np.ndarray, name: str, folder: Path) -> list[Path]:
    """Write everything as ``.npz`` and the activations, forces and torques as OpenSim storage files.

    The moment arms are stored sparsely: ``moment_arm_muscle``, ``moment_arm_dof`` [P] and ``moment_arm`` [T, P].

    Args:
        result: The solution.
        time: Instants [s], shape [T].
        name: First part of the files' names.
        folder: Where they go; it is made.

    Returns:
        Their paths.

    Raises:
        MsemuError: A file cannot be written.
    """
    muscles, dofs = np.nonzero(np.abs(result.moment_arm).max(axis=0) > 0)
    arrays = {
        field.name: np.asarray(getattr(result, field.name)) for field in fields(result) if field.name != "moment_arm"
    }
    arrays |= {
        "time": time,
        "moment_arm": result.moment_arm[:, muscles, dofs].astype(np.float32),
        "moment_arm_muscle": muscles,
        "moment_arm_dof": dofs,
    }
    archive = folder / f"{name}.npz"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with open(archive, "wb") as file:
            np.savez_compressed(file, **arrays)
    except OSError as error:
        raise MsemuError(f"cannot write {archive}: {error.strerror}; choose another folder with --out") from error
    floor = {
        f"{region}_{axis}": force[:, index]
        for region, force in region_forces(result).items()
        for index, axis in enumerate("xyz")
    }
    tables = {
        "activation": dict(zip(result.muscle_names, result.activation.T, strict=True)),
        "force": dict(zip(result.muscle_names, result.muscle_force.T, strict=True)),
        "torque": dict(zip(result.dof_names, result.muscle_torque.T, strict=True)),
        "residual": dict(zip(result.dof_names, result.residual.T, strict=True)),
        "contact": floor,
    }
    paths = [archive]
    for quantity, columns in tables.items():
        paths.append(folder / f"{name}_{quantity}.sto")
        write_storage(paths[-1], f"{name} {quantity}", time, columns)
    return paths
