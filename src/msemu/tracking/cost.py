"""How far bodies are from where they should be, for the selection of a search."""

import mujoco
import numpy as np
import torch

from msemu.envs import tracking_error
from msemu.envs.motion_tracking import MotionTrackingEnv
from msemu.models.body import Body
from msemu.motion import rotation
from msemu.motion.clip import MotionClip
from msemu.sim import CpuSimulation
from msemu.tracking.settings import SelectionCfg

_GRAVITY = 9.81
_ROOT_BODY = 1


class Momentum:
    """Velocity of the center of mass and angular momentum about it, of many bodies."""

    def __init__(self, sim: CpuSimulation):
        """Read the masses."""
        model = sim.model
        self._sim = sim
        self._mass = torch.from_numpy(model.body_mass)[:, None]
        self._inertia = torch.from_numpy(model.body_inertia)
        self._per_mass = 1.0 / float(model.body_mass.sum())

    def read(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the velocity [m/s] and the angular momentum per mass [m^2/s], each of shape [E, 3]."""
        sim = self._sim
        angular, linear = sim.body_velocity.split(3, 2)
        arm = sim.field("xipos") - sim.center_of_mass.unsqueeze(1)
        velocity = linear + torch.linalg.cross(angular, arm)
        axes = sim.field("ximat").unflatten(2, (3, 3))
        spin = (axes @ (self._inertia * (axes.mT @ angular.unsqueeze(3)).squeeze(3)).unsqueeze(3)).squeeze(3)
        mean = (self._mass * velocity).sum(1) * self._per_mass
        moment = torch.linalg.cross(arm, self._mass * velocity) + spin
        return mean, moment.sum(1) * self._per_mass


def momentum_along(body: Body, clip: MotionClip) -> torch.Tensor:
    """Place [m] and velocity of the center of mass and angular momentum per mass along a clip, shape [T, 9]."""
    model, data = body.model, mujoco.MjData(body.model)
    rows = []
    for qpos, qvel in zip(clip.qpos, clip.qvel, strict=True):
        data.qpos[:], data.qvel[:] = qpos, qvel
        mujoco.mj_kinematics(model, data)
        mujoco.mj_comPos(model, data)
        mujoco.mj_comVel(model, data)
        mujoco.mj_subtreeVel(model, data)
        mass = model.body_subtreemass[_ROOT_BODY]
        parts = data.subtree_com, data.subtree_linvel, data.subtree_angmom / mass
        rows.append(np.concatenate([values[_ROOT_BODY] for values in parts]))
    return torch.from_numpy(np.stack(rows))


class TrackingCost:
    """Cost of every body of an environment in its present state."""

    def __init__(self, env: MotionTrackingEnv, settings: SelectionCfg, limit_m: float):
        """Measure the clip; ``limit_m`` is the distance at which a body has failed."""
        assert isinstance(env.sim, CpuSimulation)
        self._env, self._settings, self._limit = env, settings, limit_m
        self._momentum = Momentum(env.sim)
        self._clip = env.reference.clips[0]
        self._wanted = momentum_along(env.body, self._clip)
        self._first = torch.from_numpy(self._clip.qpos[:, :3])

    def __call__(self) -> torch.Tensor:
        """Return the cost [-], float64 of shape [E]; meaningless where a body has failed."""
        env, settings = self._env, self._settings
        state, reference = env.transition.state, env.transition.reference
        row = env.reference.row(env.frame)
        center, velocity, spin = self._wanted[row].split(3, 1)
        center = center + env.reference.state(env.frame)[0][:, :3] - self._first[row]
        own_velocity, own_spin = self._momentum.read()
        own_center = env.sim.center_of_mass
        time = (center[:, 2:].clamp(min=0.1) / _GRAVITY).sqrt()
        capture = (own_center + time * own_velocity - center - time * velocity)[:, :2]
        root = state.root_position - reference.root_position
        away = (state.landmark_position - reference.landmark_position).norm(dim=-1).mean(1)
        terms = (
            (state.joint_position - reference.joint_position).square().mean(1) / settings.joint_rad**2,
            tracking_error.landmark_offset(state, reference).square().sum(2).mean(1) / settings.body_m**2,
            rotation.angle_between(state.root_quaternion, reference.root_quaternion).square() / settings.root_rad**2,
            root[:, 2].square() / settings.height_m**2,
            root[:, :2].square().sum(1) / settings.place_m**2,
            capture.square().sum(1) / settings.capture_point_m**2,
            (own_velocity - velocity)[:, 2].square() / settings.vertical_velocity_m_s**2,
            (own_spin - spin).square().sum(1) / settings.angular_momentum_m2_s**2,
            10.0 * (away / self._limit) ** 6,
        )
        return torch.stack([term.double() for term in terms]).sum(0)
