"""What coupled joints cost, and how well joints of the engine's own could stand in for them.

    python tools/experiments/couplings.py [--body myofullbody] [--rounds 9] [--json FILE]

Physics of the lean body, without muscles: as it is, without the rows of the couplings (dependent joints then hang
free), and with the dependent joints of a group rigid in the neutral pose: the bound of what eliminating them could
give, not their physics. Then the pose of the segment beyond a group, over the ranges of its drivers, beside that about
one fixed center, and for one driver about one fixed axis.
"""

import argparse
import copy
import re
import time
from collections.abc import Sequence

import mujoco
import numpy as np
from rich.console import Console
from rich.table import Table
from scipy.spatial.transform import Rotation

from msemu.bench.subject import moving_bodies
from msemu.bench.timing import cells, in_rounds, publish, summary
from msemu.models import Body, load_body
from msemu.models.lean import make_lean

GROUPS = {
    "lumbar spine and abdomen": r"L\d_L\d_.*|Abs_.*",
    "shoulder girdle": r"(sterno|acromio)clavicular_.*|unrot.*|shoulder1_r2_.",
    "secondary motion of the knee": r"knee_angle_((r|l)_)?(translation|rotation).*",
    "patella": r"knee_angle_((r|l)_)?beta_.*",
    "wrist": r"wrist_hand_.*",
    "all": r".*",
}
"""Names of the dependent joints of each group."""
SPANS = {
    "trunk on the pelvis": ("pelvis", "thorax", ("flex_extension", "lat_bending", "axial_rotation")),
    "shank on the thigh": ("femur_r", "tibia_r", ("knee_angle_r",)),
    "upper arm on the trunk": ("thorax", "humerus_r", ("shoulder_elv_r", "elv_angle_r", "shoulder_rot_r")),
}
"""Base, segment and drivers of the poses that are fitted."""
STEPS, BODIES, SAMPLES = 50, 8, 400


def main() -> None:
    """Measure, print and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--body", default="myofullbody")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--json", default=None)
    args = parser.parse_args()
    body = load_body(args.body)
    costs, table = measure(body, args.rounds)
    fits = {name: fit(body, *span) for name, span in SPANS.items() if exists(body, span)}
    publish({"body": body.name, "costs": costs, "fits": fits}, args.json, table)
    for name, figures in fits.items():
        Console().print(f"{name}: " + ", ".join(f"{key} {value:.2f}" for key, value in figures.items()))


def measure(body: Body, rounds: int) -> tuple[dict, Table]:
    """Time the variants in turns; ratios are of one round."""
    variants = {"as it is": body.lean.model, "no rows": without_rows(body.lean.model)}
    variants |= {f"rigid {name}": rigid(body, joints) for name, joints in GROUPS.items() if dependents(body, joints)}
    times = in_rounds(lambda number: taken(body, list(variants.values()), number), rounds)
    table = Table("variant", "dofs", "us a step", "speed over 'as it is'", title=f"{body.name}, no muscles")
    costs = {}
    for (name, model), spent in zip(variants.items(), times.T, strict=True):
        ratio = summary(times[:, 0] / spent)
        costs[name] = {"dofs": model.nv, "us_a_step": float(np.median(spent)) * 1e6, "speedup": ratio}
        median, spread = cells(ratio["median"], ratio["quartiles"], 2)
        table.add_row(name, str(model.nv), f"{costs[name]['us_a_step']:.0f}", f"{median} ({spread})")
    return costs, table


def taken(body: Body, models: list[mujoco.MjModel], number: int) -> list[float]:
    """CPU time of a step of each model [s], the order turned by the number of the round."""
    order = np.roll(np.arange(len(models)), number)
    spent = dict((model, time_of(body, models[model])) for model in order)
    return [spent[model] for model in range(len(models))]


def time_of(body: Body, model: mujoco.MjModel) -> float:
    """CPU time of a step from standing with random joint speeds [s]."""
    _, qpos, qvel, _ = moving_bodies(body, BODIES)
    qpos, qvel = qpos.numpy(), qvel.numpy()
    place, dof = kept(body.model, model)
    data = mujoco.MjData(model)
    spent = 0.0
    for env in range(BODIES):
        mujoco.mj_resetData(model, data)
        data.qpos[:], data.qvel[:] = qpos[env, place], qvel[env, dof]
        mujoco.mj_step(model, data)
        begin = time.process_time()
        for _ in range(STEPS):
            mujoco.mj_step(model, data)
        spent += time.process_time() - begin
    return spent / (BODIES * STEPS)


def kept(whole: mujoco.MjModel, model: mujoco.MjModel) -> tuple[np.ndarray, np.ndarray]:
    """Return where the position and speed of each joint of ``model`` stand in the whole one's."""
    place, dof = [], []
    for joint in range(model.njnt):
        number = whole.joint(model.joint(joint).name).id
        is_free = model.jnt_type[joint] == mujoco.mjtJoint.mjJNT_FREE
        place.extend(whole.jnt_qposadr[number] + np.arange(7 if is_free else 1))
        dof.extend(whole.jnt_dofadr[number] + np.arange(6 if is_free else 1))
    return np.array(place), np.array(dof)


def without_rows(model: mujoco.MjModel) -> mujoco.MjModel:
    """Switch the couplings off."""
    free = copy.copy(model)
    free.opt.disableflags |= mujoco.mjtDisableBit.mjDSBL_EQUALITY
    return free


def dependents(body: Body, pattern: str) -> list[str]:
    """Names of the dependent joints that a pattern describes."""
    model = body.model
    joints = np.flatnonzero(np.isin(model.jnt_qposadr, body.couplings.dependent))
    names = [model.joint(joint).name for joint in joints]
    return [name for name in names if re.fullmatch(pattern, name)]


def rigid(body: Body, pattern: str) -> mujoco.MjModel:
    """Make the lean model in which the dependent joints that a pattern describes are gone."""
    spec = body.spec.copy()
    gone = dependents(body, pattern)
    for row in [row for row in spec.equalities if {row.name1, row.name2} & set(gone)]:
        spec.delete(row)
    for name in gone:
        spec.delete(spec.joint(name))
    return make_lean(spec.compile()).model


def exists(body: Body, span: tuple[str, str, tuple[str, ...]]) -> bool:
    """Say whether a body has the segments and joints of a span."""
    base, segment, drivers = span
    names = {body.model.body(number).name for number in range(body.model.nbody)}
    return {base, segment} <= names and set(drivers) <= set(body.joint_names)


def fit(body: Body, base: str, segment: str, drivers: Sequence[str]) -> dict[str, float]:
    """Compare the poses of a segment with those about one fixed center, at random values of the drivers.

    Rotations are exact there; a point is free in either segment, so the residual is of the translation alone.
    """
    generator = np.random.default_rng(0)
    model, data = body.model, mujoco.MjData(body.model)
    ranges = np.array([model.joint(name).range for name in drivers])
    place = [int(model.joint(name).qposadr[0]) for name in drivers]
    first, second = model.body(base).id, model.body(segment).id
    rotations, translations = [], []
    for values in generator.uniform(*ranges.T, size=(SAMPLES, len(drivers))):
        qpos = body.neutral_qpos.copy()
        qpos[place] = values
        data.qpos[:] = body.couplings.project(qpos)
        mujoco.mj_kinematics(model, data)
        frame = data.xmat[first].reshape(3, 3)
        rotations.append(frame.T @ data.xmat[second].reshape(3, 3))
        translations.append(frame.T @ (data.xpos[second] - data.xpos[first]))
    # center in the base = R center in the segment + translation
    rows = np.concatenate([np.hstack([np.eye(3), -rotation]) for rotation in rotations])
    found = np.linalg.lstsq(rows, np.concatenate(translations), rcond=None)[0]
    residual = np.linalg.norm((rows @ found).reshape(-1, 3) - translations, axis=1) * 1e3
    figures = {"RMS error of place [mm]": float(np.sqrt((residual**2).mean())), "greatest [mm]": float(residual.max())}
    return figures | (off_axis(np.array(rotations)) if len(drivers) == 1 else {})


def off_axis(rotations: np.ndarray) -> dict[str, float]:
    """Return by how much rotations, shape [N, 3, 3], leave the one axis that fits all of them best."""
    angles = Rotation.from_matrix(rotations[0].T @ rotations).as_rotvec()
    axis = np.linalg.svd(angles, full_matrices=False)[2][0]
    off = np.degrees(np.linalg.norm(angles - np.outer(angles @ axis, axis), axis=1))
    return {"RMS rotation off one hinge [deg]": float(np.sqrt((off**2).mean())), "greatest [deg]": float(off.max())}


if __name__ == "__main__":
    main()
