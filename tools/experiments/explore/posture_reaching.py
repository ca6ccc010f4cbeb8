"""Muscle-driven bodies of any size that reach for postures: exploration in muscle space, with no fall and no clip."""

from dataclasses import dataclass, replace

import mujoco
import numpy as np
import torch
from rsl_rl.env import VecEnv
from tensordict import TensorDict

from msemu.errors import MsemuError, suggestion
from msemu.models import Body, load_body
from msemu.models.couplings import Couplings
from msemu.models.edits.hold import relative_pose
from msemu.models.muscle_groups import group_by_length
from msemu.models.poses import at_pose, scalar_joints
from msemu.schema import ExcitationCfg, SimCfg
from msemu.sim import make_simulation

EPISODE_STEPS = 50
"""Control steps of an episode, 1 s."""
ERROR_SCALE_RAD = 0.35
"""Mean joint error at which the reward has fallen to 1/e [rad]."""
_SUBSTEPS = 10
_TIMESTEP_S = 0.002
_START_ACTIVATION = 0.05
_VELOCITY_SCALE = 0.1
_GREATEST_ERROR_RAD = np.pi


@dataclass(frozen=True)
class ReachingTask:
    """A body that reaches, or a part of it."""

    body: str
    """Recipe of the body."""
    part: str = ""
    """Body that is taken out with everything below it, in the place that it has; empty for the whole body."""
    joints: tuple[str, ...] = ()
    """Joints of the part that move; empty for all."""
    muscles: tuple[str, ...] = ()
    """Muscles of the part that stay; empty for all."""
    reach: float = 0.5
    """Middle part of each joint's range that postures are drawn from, such that muscles can hold nearly all of them."""


REACHING_TASKS = {
    "elbow": ReachingTask(
        body="myofullbody",
        part="scapula_r",
        joints=("elbow_flex_r",),
        muscles=("TRIlong", "TRIlat", "TRImed", "BIClong", "BICshort", "BRA"),
    ),
    "legs": ReachingTask(body="myolegs"),
    "body": ReachingTask(body="myofullbody", reach=0.3),
}
"""Tasks by name: 6, 80 and 416 muscles. The six of the elbow are those of MyoSuite's MyoElbow (arXiv:2205.13600)."""
_PREFIX = "part/"


def held_model(task: ReachingTask) -> mujoco.MjModel:
    """Compile the body of a task with its root, and whatever does not move, held in the neutral pose; no contact."""
    body = load_body(task.body)
    data = at_pose(body.model, body.neutral_qpos)
    spec = _take_out(body, data, task.part) if task.part else body.spec.copy()
    prefix = _PREFIX if task.part else ""
    for muscle in list(spec.actuators):
        if task.muscles and muscle.name.removeprefix(prefix) not in task.muscles:
            spec.delete(spec.tendon(muscle.target))
            spec.delete(muscle)
    _hold_joints(spec, {prefix + joint for joint in task.joints or body.joint_names}, body.model, data, prefix)
    spec.option.disableflags |= int(mujoco.mjtDisableBit.mjDSBL_CONTACT)
    return spec.compile()


def _hold_joints(
    spec: mujoco.MjSpec, moving: set[str], model: mujoco.MjModel, data: mujoco.MjData, prefix: str = ""
) -> None:
    """Take away all joints but some, and their couplings; bodies that lose their joints stay in the pose of ``data``.

    Muscles stay.

    Args:
        spec: Specification to edit, of ``model`` or of a part of it.
        moving: Names of the joints to keep in ``spec``; a body keeps all of its joints or none.
        model: The whole model.
        data: Kinematics of ``model`` in the pose to hold.
        prefix: What names in ``spec`` begin with and those in ``model`` do not.
    """
    for coupling in list(spec.equalities):
        if not {coupling.name1, coupling.name2} <= moving | {""}:
            spec.delete(coupling)
    for body in spec.bodies:
        held = [joint for joint in body.joints if joint.name not in moving]
        if not held:
            continue
        compiled = model.body(body.name.removeprefix(prefix))
        body.pos, body.quat = relative_pose(data, compiled.parentid[0], compiled.id)
        body.alt.type = mujoco.mjtOrientation.mjORIENTATION_QUAT
        for joint in held:
            spec.delete(joint)


def _take_out(body: Body, data: mujoco.MjData, part: str) -> mujoco.MjSpec:
    """Specify a part of a body alone, with the muscles that have all their points on it."""
    spec = mujoco.MjSpec()
    spec.copy_during_attach = True
    for size in ("njmax", "nconmax", "nkey", "nuser_jnt"):  # MuJoCo warns of any that differs
        setattr(spec, size, getattr(body.spec, size))
    parent = body.model.body(part).parentid[0]
    place = spec.worldbody.add_frame(pos=data.xpos[parent], quat=data.xquat[parent])
    place.attach_body(body.spec.body(part), _PREFIX, "")
    return spec


class PostureReaching(VecEnv):
    """Bodies, held at the root, that reach for postures of their independent joints and stay there.

    Start and target are independent: each joint uniform in the middle part of its range, coupled joints follow. An
    action is the excitation of a muscle, through the map of ``cfg/action/excitation.yaml``. The reward of a step is
    ``exp(-error / ERROR_SCALE_RAD)`` with the mean absolute error of the joints. Joint angles, velocities, activations
    and the way to the target are observed. Episodes end by time, or where the simulation blows up.

    Attributes:
        sim: The physics.
        joints: Independent joints, as indices into ``qpos``, shape [J].
        target: Posture to reach [rad], shape [N, nq].
        error: Mean joint error after the last step, before any reset [rad], shape [N]; pi where it has blown up.
    """

    def __init__(self, name: str, num_envs: int, seed: int, num_threads: int = 0):
        """Build the bodies and begin.

        Args:
            name: One of `REACHING_TASKS`.
            num_envs: Bodies N.
            seed: Seed of postures.
            num_threads: Threads of the physics; 0 uses every core.

        Raises:
            MsemuError: There is no such task.
        """
        if name not in REACHING_TASKS:
            raise MsemuError(f"unknown task '{name}'{suggestion(name, REACHING_TASKS)}")
        self.task = REACHING_TASKS[name]
        model = held_model(self.task)
        self.sim = make_simulation(
            model, num_envs, SimCfg(device="cpu", timestep_s=_TIMESTEP_S, num_threads=num_threads)
        )
        self._map = ExcitationCfg()
        self._couplings = Couplings.of(model)
        self.joints = np.setdiff1d(np.arange(model.nq), self._couplings.dependent)
        low, high = model.jnt_range[scalar_joints(model)].T
        self._center, self._reach = (low + high) / 2, self.task.reach * (high - low) / 2
        self.num_envs, self.num_actions = num_envs, model.nu
        self.max_episode_length = EPISODE_STEPS
        self.episode_length_buf = torch.zeros(num_envs, dtype=torch.long)
        self.device = torch.device("cpu")
        self.cfg: dict = {}
        self.target = torch.zeros(num_envs, model.nq, dtype=torch.double)
        self.restart(seed)

    def restart(self, seed: int) -> None:
        """Begin everywhere anew, with the postures of a seed."""
        self._random = np.random.default_rng(seed)
        self._begin(torch.ones(self.num_envs, dtype=torch.bool))
        self.error = self._joint_error()

    def action_groups(self, num_groups: int) -> torch.Tensor:
        """Return the number of each muscle's group of those that lengthen and shorten together, shape [A]."""
        held = replace(load_body(self.task.body), model=self.sim.model)
        return torch.from_numpy(group_by_length(held, num_groups))

    def get_observations(self) -> TensorDict:
        """Angles, velocities, activations, and the way to the target, shape [N, 2 nq + A + J]."""
        sim = self.sim
        way = (self.target - sim.qpos)[:, self.joints]
        state = torch.cat((sim.qpos, _VELOCITY_SCALE * sim.qvel, sim.act, way), dim=1).float()
        return TensorDict({"state": state.masked_fill(sim.unstable[:, None], 0.0)}, batch_size=[self.num_envs])

    def excitation(self, actions: torch.Tensor) -> torch.Tensor:
        """Map actions to excitations in [0, 1], shape [N, A]."""
        return torch.sigmoid(self._map.slope * (actions - self._map.center))

    def step(self, actions: torch.Tensor) -> tuple[TensorDict, torch.Tensor, torch.Tensor, dict[str, torch.Tensor]]:
        """Excite the muscles for 20 ms; bodies whose time is over begin anew."""
        self.sim.step(self.excitation(actions), _SUBSTEPS)
        self.episode_length_buf = self.episode_length_buf + 1
        blown_up = self.sim.unstable.clone()
        self.error = torch.where(blown_up, _GREATEST_ERROR_RAD, self._joint_error())
        rewards = torch.where(blown_up, 0.0, torch.exp(-self.error / ERROR_SCALE_RAD))
        time_outs = (self.episode_length_buf >= self.max_episode_length) & ~blown_up
        over = time_outs | blown_up
        following = final = self.get_observations()
        if over.any():
            self._begin(over)
            following = self.get_observations()
        return following, rewards, over.float(), {"time_outs": time_outs, "terminal_observations": final}

    def _joint_error(self) -> torch.Tensor:
        return (self.target - self.sim.qpos)[:, self.joints].abs().mean(dim=1).float()

    def _begin(self, over: torch.Tensor) -> None:
        start, target = torch.from_numpy(self._postures()), torch.from_numpy(self._postures())
        self.target = torch.where(over[:, None], target, self.target)
        self.sim.reset(over, start, torch.zeros_like(self.sim.qvel), torch.full_like(self.sim.act, _START_ACTIVATION))
        self.episode_length_buf = self.episode_length_buf.masked_fill(over, 0)

    def _postures(self) -> np.ndarray:
        drawn = self._random.uniform(-1.0, 1.0, (self.num_envs, len(self._center)))
        return self._couplings.project(self._center + self._reach * drawn)
