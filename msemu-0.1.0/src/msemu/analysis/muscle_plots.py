"""Plots of muscles: their curves, and force and moment arm over the range of a joint."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import cycle
from pathlib import Path
from typing import Any

import mujoco
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from msemu.files import save_figure
from msemu.models.body import Body
from msemu.models.muscle_paths import moment_arms
from msemu.models.poses import random_poses, scalar_joints
from msemu.muscle.levels import LEVELS, Functions
from msemu.muscle.parameters import COLUMNS, MuscleParameters

MUSCLES_PER_FIGURE = 12

_COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
_DASHED = {"linestyle": (0, (5, 3))}  # where a level equals its approximation, both are seen
_STYLES: dict[str, dict[str, Any]] = {
    name: {"color": color} | (_DASHED if level.approximation else {})
    for (name, level), color in zip(LEVELS.items(), cycle(_COLORS), strict=False)
}
_BEHIND: dict[str, Any] = {"color": "0.78", "linewidth": 5, "solid_capstyle": "butt"}
_NUM_ANGLES = 61
_NUM_POSES = 20
_STEP_RAD = 1e-4
_LEAST_ARM_M = 1e-6
_SHARED = ("max_isometric_force", "optimal_fiber_length", "tendon_slack_length")  # columns with a passive twin


@dataclass(frozen=True)
class JointSweep:
    """A muscle over the range of one joint; the other independent joints rest in the neutral pose.

    Coupled joints follow, so the moment arm is the one that the muscle has about the joint and all that hang on it.

    Attributes:
        muscle: Name of the muscle.
        joint: Name of the joint.
        angle_deg: Angles over the joint's range [deg], shape [N].
        length: Muscle-tendon length [m], shape [N].
        moment_arm: Moment arm from the engine, d length / d angle [m], shape [N].
        finite_difference: The same from the lengths beside each angle [m], shape [N].
        force: Isometric force at full activation [N] by level, shape [N] each.
        engine_force: The engine's own, with the model's own parameters [N], shape [N].
    """

    muscle: str
    joint: str
    angle_deg: np.ndarray
    length: np.ndarray
    moment_arm: np.ndarray
    finite_difference: np.ndarray
    force: dict[str, np.ndarray]
    engine_force: np.ndarray


def plot_muscles(
    body: Body, parameters: MuscleParameters, muscles: Sequence[int], limit: int | None, folder: Path
) -> list[Path]:
    """Draw curves of muscles, and their force and moment arm over the joint about which they act most; return paths.

    Muscles without any moment arm have curves only; figures of more than 12 muscles are split. Force and moment arm are
    drawn of at most ``limit`` muscles.
    """
    joints = main_joints(body)
    moving = [index for index in muscles if joints[index] >= 0][:limit]
    sweeps = [sweep_joint(body, parameters, index, joints[index]) for index in moving]
    paths = [folder / "curves.png"]
    plot_curves(_select(parameters, muscles), paths[0])
    for start in range(0, len(sweeps), MUSCLES_PER_FIGURE):
        shown = sweeps[start : start + MUSCLES_PER_FIGURE]
        number = "" if len(sweeps) <= MUSCLES_PER_FIGURE else f"_{1 + start // MUSCLES_PER_FIGURE}"
        for what, plot in (("force", plot_forces), ("moment_arm", plot_moment_arms)):
            paths.append(folder / f"{what}{number}.png")
            plot(shown, paths[-1])
    return paths


def main_joints(body: Body) -> np.ndarray:
    """Return for each muscle the hinge about which its mean moment arm over random poses is greatest.

    It is an index into ``body.joint_names``, or -1 for a muscle without any moment arm, shape [M].
    """
    poses = random_poses(body.model, _NUM_POSES, seed=0)
    hinges = body.independent_joints[body.is_hinge[body.independent_joints]]
    motions = np.stack([body.couplings.reduction(pose, 6 + hinges) for pose in poses])
    arms = np.abs(moment_arms(body.model, poses) @ motions).mean(0)
    return np.where(arms.max(1) > _LEAST_ARM_M, hinges[arms.argmax(1)], -1)


def sweep_joint(body: Body, parameters: MuscleParameters, muscle: int, joint: int) -> JointSweep:
    """Move an independent hinge, an index into ``body.joint_names``, through its range and look at one muscle."""
    low, high = body.model.jnt_range[scalar_joints(body.model)[joint]]
    angles = np.linspace(low, high, _NUM_ANGLES)
    name = body.joint_names[joint]
    poses = body.poses({name: angles})
    motion = np.stack([body.couplings.reduction(pose, np.array([6 + joint]))[:, 0] for pose in poses])
    length, engine_force = _lengths_and_forces(body.model, poses, muscle)
    before, _ = _lengths_and_forces(body.model, body.poses({name: angles - _STEP_RAD}), muscle)
    after, _ = _lengths_and_forces(body.model, body.poses({name: angles + _STEP_RAD}), muscle)
    return JointSweep(
        muscle=body.muscle_names[muscle],
        joint=name,
        angle_deg=np.degrees(angles),
        length=length,
        moment_arm=(moment_arms(body.model, poses)[:, muscle] * motion).sum(1),
        finite_difference=(after - before) / (2 * _STEP_RAD),
        force=_isometric_forces(_select(parameters, [muscle]), length),
        engine_force=engine_force,
    )


def plot_curves(parameters: MuscleParameters, path: Path) -> None:
    """Draw the force curves of every level in one figure; the folder must exist.

    A shape that differs between muscles is a line for their median and a band for all of them.
    """
    figure = Figure(figsize=(11, 8), layout="constrained")
    (active, passive), (velocity, tendon) = figure.subplots(2, 2)
    fiber = np.linspace(0.2, 1.8, 321)
    speed = np.linspace(-1.1, 1.1, 331)
    strain = np.linspace(-0.01, 0.07, 161)
    rigid = [name for name, level in LEVELS.items() if level.functions.tendon_in_numpy is None]
    tendon.axvline(0.0, label=", ".join(rigid), **_STYLES[rigid[0]])
    for name, level in LEVELS.items():
        _band(active, fiber, _isolated(level.stateless, parameters, 1.0, fiber, 0.0)[0], name)
        _band(passive, fiber, _isolated(level.stateless, parameters, 0.0, fiber, 0.0)[1], name)
        isometric, _ = _isolated(level.stateless, parameters, 1.0, np.ones(1), 0.0)
        _band(velocity, speed, _isolated(level.stateless, parameters, 1.0, np.ones(1), speed)[0] / isometric, name)
        if tendon_force := level.functions.tendon_in_numpy:
            _band(tendon, 100 * strain, tendon_force(strain[:, None], parameters.tendon_strain), name)
    active.set(title="Active force-length", xlabel="fiber length [L0]", ylabel="force [F0]")
    passive.set(title="Passive force-length", xlabel="fiber length [L0]", ylabel="force [F0]", ylim=(-0.05, 2.0))
    velocity.set(title="Force-velocity", xlabel="fiber velocity [vmax], lengthening positive", ylabel="force [F0]")
    tendon.set(title="Tendon force-strain", xlabel="tendon strain [%]", ylabel="force [F0]", ylim=(-0.05, 2.0))
    places = {active: "lower center", passive: "upper left", velocity: "upper left", tendon: "upper center"}
    for axis, place in places.items():
        axis.axhline(0.0, color="0.85", zorder=0)
        axis.legend(loc=place)
    levels = "; ".join(f"{name}: {level.about}" for name, level in LEVELS.items())
    figure.suptitle(f"Muscle curves, {len(parameters)} muscles\n{levels}", fontsize=10)
    save_figure(figure, path, dpi=120)


def plot_forces(sweeps: Sequence[JointSweep], path: Path) -> None:
    """Draw the isometric force of each muscle at every level beside the engine's."""

    def draw(axis: Axes, sweep: JointSweep) -> None:
        axis.plot(sweep.angle_deg, sweep.engine_force, label="MuJoCo's actuator", **_BEHIND)
        for level, force in sweep.force.items():
            axis.plot(sweep.angle_deg, force, label=level, **_STYLES[level])
        axis.set_ylim(0.0, 1.08 * max(*(force.max() for force in sweep.force.values()), sweep.engine_force.max(), 1.0))

    _small_multiples(sweeps, draw, "isometric force [N]", "Force at full activation over a joint's range", path)


def plot_moment_arms(sweeps: Sequence[JointSweep], path: Path) -> None:
    """Draw the moment arm of each muscle beside the finite difference of its length."""

    def draw(axis: Axes, sweep: JointSweep) -> None:
        axis.axhline(0.0, color="0.85", zorder=0)
        axis.plot(sweep.angle_deg, 100 * sweep.finite_difference, label="finite difference of the length", **_BEHIND)
        axis.plot(sweep.angle_deg, 100 * sweep.moment_arm, color="black", label="moment arm, d length / d angle")

    _small_multiples(sweeps, draw, "moment arm [cm]", "Moment arm over a joint's range", path)


def _small_multiples(
    sweeps: Sequence[JointSweep], draw: Callable[[Axes, JointSweep], None], unit: str, title: str, path: Path
) -> None:
    columns = min(4, len(sweeps))
    rows = -(-len(sweeps) // columns)
    figure = Figure(figsize=(max(3.4 * columns, 6.0), 1.2 + 2.6 * rows), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for axis, sweep in zip(panels, sweeps, strict=False):
        draw(axis, sweep)
        axis.set_title(sweep.muscle, fontsize=11)
        axis.set_xlabel(f"{sweep.joint} [deg]", fontsize=9)
        axis.tick_params(labelsize=8)
        axis.margins(x=0.0)
    for axis in panels[::columns]:
        axis.set_ylabel(unit)
    for axis in panels[len(sweeps) :]:
        axis.remove()
    figure.suptitle(title)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False)
    save_figure(figure, path)


def _band(axis: Axes, x: np.ndarray, values: np.ndarray, level: str) -> None:
    """Draw the median of the columns of ``values`` and, where they differ, all that lies between them."""
    spread = np.ptp(values, axis=1).max() > 1e-6
    label = f"{level}, median" if spread else level
    axis.plot(x, np.median(values, axis=1), label=label, **_STYLES[level])
    if spread:
        limits = values.min(1), values.max(1)
        axis.fill_between(
            x, *limits, color=_STYLES[level]["color"], alpha=0.2, linewidth=0, label=f"{level}, all muscles"
        )


def _isolated(
    functions: Functions, parameters: MuscleParameters, activation: float, fiber: np.ndarray, speed: np.ndarray | float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the active and the passive force [F0] of fibers without pennation and damping, shape [N, M].

    Their lengths [L0] and velocities [vmax] have the shape [N]; MuJoCo's passive force has the lengths and the maximum
    of the active one.
    """
    none = np.zeros(len(parameters))
    p = replace(parameters, pennation_angle=none, fiber_damping=none)
    p = replace(p, **{f"passive_{column}": getattr(p, column) for column in _SHARED})
    length = p.tendon_slack_length + fiber[:, None] * p.optimal_fiber_length
    velocity = np.reshape(speed, (-1, 1)) * p.optimal_fiber_length * p.max_contraction_velocity
    state = functions.in_numpy(p, activation, length, velocity)
    return state.active_force / p.max_isometric_force, state.passive_force / p.max_isometric_force


def _isometric_forces(parameters: MuscleParameters, length: np.ndarray) -> dict[str, np.ndarray]:
    """Return the force [N] of one fully active muscle that is held at each length [m], by level."""
    held, still = length[:, None], np.zeros((len(length), 1))
    return {name: level.functions.in_numpy(parameters, 1.0, held, still).force[:, 0] for name, level in LEVELS.items()}


def _lengths_and_forces(model: mujoco.MjModel, poses: np.ndarray, muscle: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the length [m] and the pull [N] of a muscle of the engine, fully active and still, shape [N] each."""
    data = mujoco.MjData(model)
    results = np.empty((len(poses), 2))
    data.act[:] = 1.0
    for pose, result in zip(poses, results, strict=True):
        data.qpos = pose
        mujoco.mj_fwdPosition(model, data)
        mujoco.mj_fwdVelocity(model, data)
        mujoco.mj_fwdActuation(model, data)
        result[:] = data.actuator_length[muscle], -data.actuator_force[muscle]
    return results[:, 0], results[:, 1]


def _select(parameters: MuscleParameters, muscles: Sequence[int]) -> MuscleParameters:
    """Return the table of some muscles."""
    columns = {column: getattr(parameters, column)[list(muscles)] for column in COLUMNS}
    sources = {column: values[list(muscles)] for column, values in parameters.sources.items()}
    return replace(parameters, names=tuple(parameters.names[index] for index in muscles), **columns, sources=sources)
