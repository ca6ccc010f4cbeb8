"""What a static optimization found, in figures and in files."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from msemu.control.independent_dofs import ROOT_DOFS
from msemu.control.static_optimization import StaticOptimization
from msemu.files import write_arrays
from msemu.models.body import Body
from msemu.motion.formats.opensim_storage import write_storage

_SATURATED = 0.99


def summarize(result: StaticOptimization, trunk: Sequence[str] = ()) -> dict[str, Any]:
    """Return the figures of a static optimization; torques of slides count as they are.

    Of a body whose ``trunk`` has joints, named here, the share of their torque that is missing is given by itself.
    """
    joints = slice(ROOT_DOFS, None)
    residual, needed = np.abs(result.residual[:, joints]), np.abs(result.net_torque[:, joints])
    of_trunk = np.isin(result.dof_names[ROOT_DOFS:], trunk)
    vertical = result.contact_force[:, :, 2].sum(axis=1) / result.body_weight
    return {
        "frames": len(result.activation),
        "unconverged_frames": np.flatnonzero(~result.converged).tolist(),
        "relative_gap_max": float(result.relative_gap.max()),
        "frames_without_contact": int((~result.touching.any(axis=1)).sum()),
        "torque_missing_share": _share(residual, needed),
        "trunk_torque_missing_share": _share(residual[:, of_trunk], needed[:, of_trunk]) if of_trunk.any() else None,
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


def trunk_joints(body: Body) -> tuple[str, ...]:
    """Return the independent joints between the pelvis and what carries the geoms of the trunk; none of bare legs."""
    model = body.model
    inside = {0}
    for geom in body.contact_regions.get("trunk", ()):
        above = int(model.geom_bodyid[geom])
        while above not in inside:
            inside.add(above)
            above = int(model.body_parentid[above])
    joints = np.array([model.joint(name).bodyid[0] for name in body.joint_names], dtype=int)
    return tuple(body.joint_names[joint] for joint in body.independent_joints if joints[joint] in inside)


def region_forces(result: StaticOptimization) -> dict[str, np.ndarray]:
    """Return the force of the floor on each contact region [N], shape [T, 3] each."""
    regions = np.array(result.point_regions)
    return {region: result.contact_force[:, regions == region].sum(axis=1) for region in dict.fromkeys(regions)}


def _share(missing: np.ndarray, needed: np.ndarray) -> float:
    return float(missing.sum() / max(needed.sum(), 1e-12))


def write_files(result: StaticOptimization, time: np.ndarray, name: str, folder: Path) -> list[Path]:
    """Write everything as ``.npz``, and activations, forces and torques as OpenSim storage files; return their paths.

    The moment arms are stored sparsely: ``moment_arm_muscle``, ``moment_arm_dof`` [P] and ``moment_arm`` [T, P]. The
    instants are ``time`` [s], shape [T]; files' names begin with ``name``.
    """
    muscles, dofs = np.nonzero(np.abs(result.moment_arm).max(axis=0) > 0)
    arrays = {name: np.asarray(values) for name, values in vars(result).items() if name != "moment_arm"}
    arrays |= {
        "time": time,
        "moment_arm": result.moment_arm[:, muscles, dofs].astype(np.float32),
        "moment_arm_muscle": muscles,
        "moment_arm_dof": dofs,
    }
    archive = folder / f"{name}.npz"
    write_arrays(archive, arrays, "choose another folder with --out")
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
