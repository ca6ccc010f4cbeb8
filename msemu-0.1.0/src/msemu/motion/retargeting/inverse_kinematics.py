"""Inverse kinematics of one frame with mink, in the body's independent coordinates.

mink's tasks give residuals over all velocities; coupled joints are eliminated by the chain rule, so that
every iterate satisfies the couplings exactly, and joints that move no target are left in the neutral pose.
What remains is a quadratic program in some 40 coordinates.
"""

from dataclasses import dataclass

import mink
import mujoco
import numpy as np
import qpsolvers

from msemu.errors import MsemuError
from msemu.models.anatomy.landmarks import LANDMARKS
from msemu.models.body import Body
from msemu.motion.geometry import find_feet
from msemu.motion.retargeting.mink_tasks import FloorLimit, JointCenterTask, StandingTask
from msemu.motion.retargeting.targets import Targets
from msemu.motion.source import ARM_BONES, JOINT_CENTERS, LEG_BONES, SEGMENTS
from msemu.muscle.paths.parts import ancestor_dofs

_PARENT = {"thorax": "pelvis", "head": "thorax"} | {
    f"{far}_{side}": near if near == "pelvis" else f"{near}_{side}"
    for near, far in (*LEG_BONES, ("pelvis", "shoulder"), *ARM_BONES)
    for side in "rl"
}
_CONVERGED = 1e-4
"""A step smaller than this ends the iteration [rad or m]."""

_LONGEST_STEP = 0.2
"""No joint moves further in one step: a limb that must clear the floor would swing to and fro [rad or m]."""

SPINE_PACE = 0.3
"""Largest speed of a joint of the spine, as a share of that of other joints [-]: two groups of vertebrae would swing
against each other."""

_DAMPING = 1e-6
"""Keeps the program strictly convex where no task acts."""


@dataclass(frozen=True)
class Costs:
    """Weights of the inverse kinematics.

    Attributes:
        position: Joint centers [1/m].
        trunk_orientation: Pelvis, thorax and head [1/rad].
        rigid_trunk_orientation: The pelvis of a body without joints between pelvis and thorax [1/rad]: where the whole
            trunk meets the floor, in a roll, hips give way and not its direction, which would not come back.
        foot_orientation: Feet [1/rad].
        contact: Height of a heel or ball that stands on the floor [1/m].
        hold: Horizontal position of a heel or ball that stands [1/m].
        posture: Distance from the neutral pose [1/rad or 1/m].
        shoulder_posture: The same for the plane of elevation of the shoulder (``elv_angle``), which has no effect when
            the arm hangs and would sweep freely, and for the rotation of the forearm, which no joint center shows.
        continuity: Distance from a given pose, such as that of the frame before [1/rad or 1/m].
        shoulder_continuity: The same for the plane of elevation and the rotation of the shoulder, which turn
            against each other when the arm hangs.
        spine_posture: Distance of the joints between pelvis and thorax from the neutral pose [1/rad].
        root_position: Distance of the root from a smooth course [1/m].
        root_rotation: The same for its rotation [1/rad].
    """

    position: float = 10.0
    trunk_orientation: float = 0.5
    rigid_trunk_orientation: float = 4.0
    foot_orientation: float = 0.5
    contact: float = 11.0
    hold: float = 3.0
    posture: float = 0.05
    shoulder_posture: float = 0.2
    continuity: float = 0.2
    shoulder_continuity: float = 0.35
    spine_posture: float = 0.1
    root_position: float = 100.0
    root_rotation: float = 30.0


class InverseKinematics:
    """Finds the pose of a body that comes closest to the targets of a frame.

    Attributes:
        free_joints: Indices of the joints that are solved for, shape [F].
        tracked: Which of `JOINT_CENTERS` can follow a target; held ones cannot, shape [12].
        has_rigid_trunk: Whether no joint moves the thorax against the pelvis.
        pace: Largest speed of each of `free_joints` as a share of that of the fastest, shape [F].
    """

    def __init__(self, body: Body, costs: Costs, hands: bool = False) -> None:
        """Set up the tasks for ``body``.

        Where the ``hands`` may touch the floor, wrists and fingers give way and stay above it. Otherwise they stay in
        the neutral pose, which takes half the time.
        """
        self._body, self._costs = body, costs
        self._configuration = mink.Configuration(body.model, body.neutral_qpos)
        moves = {name: self._joints_moving(index) for name, index in zip(LANDMARKS, body.landmark_bodies, strict=True)}
        held = {name for name, parent in _PARENT.items() if (moves[name] == moves[parent]).all()}
        self.has_rigid_trunk = "thorax" in held
        self.tracked = np.array([name not in held for name in JOINT_CENTERS])

        centers = [f"landmark/{name}" for name in np.array(JOINT_CENTERS)[self.tracked]]
        self._centers = JointCenterTask(body.model, centers, costs.position)
        feet = find_feet(body)
        cost = costs.rigid_trunk_orientation if self.has_rigid_trunk else costs.trunk_orientation
        self._trunk = {
            index: mink.FrameTask(f"landmark/{name}", "site", position_cost=0.0, orientation_cost=cost)
            for index, name in enumerate(SEGMENTS)
            if name not in held and "ankle" not in name
        }
        self._feet = {
            SEGMENTS.index(f"ankle_{side}"): (
                mink.FrameTask(foot.segment, "body", position_cost=0.0, orientation_cost=costs.foot_orientation),
                mink.SO3.from_matrix(foot.neutral_rotation),
            )
            for side, foot in zip("rl", feet, strict=True)
        }
        self._standing = StandingTask(body.model, feet, costs.hold, costs.contact)
        kept_up = [geoms for region, geoms in body.contact_regions.items() if hands or not region.startswith("hand_")]
        self._floor = FloorLimit(body.model, np.concatenate(kept_up), feet)

        used = np.any([moves[name] for name in LANDMARKS if name not in held and "toe" not in name], axis=0)
        ends = ("foot_", "hand_") if hands else ("foot_",)
        for geom in np.concatenate(
            [geoms for region, geoms in body.contact_regions.items() if region.startswith(ends)]
        ):
            used |= self._joints_moving(body.model.geom_bodyid[geom])
        self.free_joints = body.independent_joints[used]
        self._dofs = np.concatenate([np.arange(6), 6 + self.free_joints])
        self._lower, self._upper = self._limits()
        self._longest_step = np.concatenate([np.full(6, 1e3), np.full(len(self.free_joints), _LONGEST_STEP)])

        spine = (moves["thorax"] & ~moves["pelvis"])[used]
        self.pace = np.where(spine, SPINE_PACE, 1.0)
        self._posture_cost = self._joint_costs(costs.posture, costs.shoulder_posture, ("elv_angle", "pro_sup"))
        self._posture_cost[6:][spine] = costs.spine_posture
        self._continuity_cost = self._joint_costs(
            costs.continuity, costs.shoulder_continuity, ("elv_angle", "shoulder_rot")
        )
        self._root_cost = np.repeat([costs.root_position, costs.root_rotation], 3)

    def solve(
        self,
        targets: Targets,
        near: np.ndarray,
        iterations: int,
        before: np.ndarray | None = None,
        longest_move: float = np.inf,
        follow_root: bool = False,
    ) -> np.ndarray:
        """Return the pose that fits the targets best, shape [nq].

        Args:
            targets: Targets of the frame.
            near: Pose to start from, which the joints shall stay close to, shape [nq].
            iterations: Largest number of Gauss-Newton steps.
            before: Pose of the frame before, shape [nq]; None when the pose may be any.
            longest_move: Largest distance of a joint from the frame before [rad or m]; less for the spine, see `pace`.
            follow_root: Whether the root, too, shall stay close to ``near``.
        """
        lower, upper = self._lower.copy(), self._upper.copy()
        start = near.copy()
        if before is not None:
            joints = 7 + self.free_joints
            lower[6:] = np.maximum(lower[6:], before[joints] - longest_move * self.pace)
            upper[6:] = np.minimum(upper[6:], before[joints] + longest_move * self.pace)
            start[joints] = np.clip(start[joints], lower[6:], upper[6:])
            start = self._body.couplings.project(start)
        for index, task in self._trunk.items():
            task.set_target(mink.SE3.from_rotation(mink.SO3(targets.orientations[index])))
        for index, (task, neutral) in self._feet.items():
            task.set_target(mink.SE3.from_rotation(mink.SO3(targets.orientations[index]) @ neutral))
        self._standing.set_target(targets.contact, targets.places)
        self._floor.set_contact(targets.contact)
        self._centers.set_target(targets.aims[self.tracked])
        self._configuration.update(start)
        for _ in range(iterations):
            step = self._step(near, lower, upper, follow_root)
            if np.abs(step).max() < _CONVERGED:
                break
        return self._configuration.q.copy()

    def _step(self, near: np.ndarray, lower: np.ndarray, upper: np.ndarray, follow_root: bool) -> np.ndarray:
        """Take one Gauss-Newton step in the free coordinates, within bounds of shape [6 + F], and return it."""
        configuration, couplings = self._configuration, self._body.couplings
        pose = configuration.q
        reduction = couplings.reduction(pose, self._dofs)
        feet = [task for task, _ in self._feet.values()]
        tasks = [self._centers, *self._trunk.values(), *feet, self._standing]
        rows, errors, _ = zip(*(task.compute_qp_residual(configuration) for task in tasks), strict=True)
        jacobian, error = self._reduced(np.vstack(rows), reduction), np.concatenate(errors)

        joints = np.concatenate([np.zeros(6), pose[7 + self.free_joints]])
        weights = np.stack([self._posture_cost, self._continuity_cost]) ** 2
        away = np.stack([pose - self._body.neutral_qpos, pose - near])[:, 7 + self.free_joints]
        gradient = -error @ jacobian
        gradient[6:] += (weights[:, 6:] * away).sum(axis=0)
        if follow_root:
            deviation = np.empty(self._body.model.nv)
            mujoco.mj_differentiatePos(self._body.model, deviation, 1.0, near, pose)
            weights[1, :6] = self._root_cost**2
            gradient[:6] += weights[1, :6] * deviation[:6]

        floor = self._floor.compute_qp_inequalities(configuration, dt=1.0)
        step = qpsolvers.solve_qp(
            jacobian.T @ jacobian + np.diag(weights.sum(axis=0) + _DAMPING),
            gradient,
            None if floor.G is None else self._reduced(floor.G, reduction),
            floor.h,
            lb=np.maximum(lower - joints, -self._longest_step),
            ub=np.minimum(upper - joints, self._longest_step),
            solver="daqp",
        )
        if step is None:
            raise MsemuError(f"the inverse kinematics of {self._body.name} found no step; are there impossible poses?")
        configuration.update(couplings.project(configuration.integrate(reduction @ step, 1.0)))
        return step

    def _reduced(self, rows: np.ndarray, reduction: np.ndarray) -> np.ndarray:
        """Return ``rows @ reduction``, shape [R, 6 + F].

        Only dependent joints are multiplied: the whole product is just large enough that OpenBLAS would share it out
        among threads, which wait for each other up to ten times as long where other work runs.
        """
        dependent = self._body.couplings.dependent_dof
        return rows[:, self._dofs] + rows[:, dependent] @ reduction[dependent]

    def _joints_moving(self, body_id: int) -> np.ndarray:
        """Return which independent joints move a body, also through couplings, shape [I]."""
        body = self._body
        generic = body.neutral_qpos.copy()
        generic[7 + body.independent_joints] += 0.1
        generic = body.couplings.project(generic)
        drives = body.couplings.reduction(generic, 6 + body.independent_joints).T != 0
        return (drives & ancestor_dofs(body.model, body_id)).any(axis=1)

    def _limits(self) -> tuple[np.ndarray, np.ndarray]:
        model, joints = self._body.model, 1 + self.free_joints
        lower, upper = np.full(len(self._dofs), -1e3), np.full(len(self._dofs), 1e3)
        limited = model.jnt_limited[joints].astype(bool)
        lower[6:][limited], upper[6:][limited] = model.jnt_range[joints[limited]].T
        return lower, upper

    def _joint_costs(self, usual: float, special: float, prefixes: tuple[str, ...]) -> np.ndarray:
        """Return ``usual``, or ``special`` for joints whose name begins so, in the free coordinates, shape [6 + F]."""
        names = [self._body.joint_names[joint] for joint in self.free_joints]
        return np.concatenate([np.zeros(6), [special if name.startswith(prefixes) else usual for name in names]])
