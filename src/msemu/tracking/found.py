"""What a search has found as the clip that it goes on about: states, and the accelerations that were wanted there."""

import math
from dataclasses import replace

import numpy as np
import torch
from scipy.ndimage import gaussian_filter1d

from msemu.control.independent_dofs import ROOT_DOFS, IndependentDofs
from msemu.control.inverse_dynamics import differentiate
from msemu.control.tracking.springs import RootDeviation
from msemu.envs import tracking_error
from msemu.envs.motion_tracking import MotionTrackingEnv
from msemu.motion.clip import MotionClip, Simulated
from msemu.motion.reference import ReferenceMotion, kinematics_along
from msemu.tracking.space import STEP_AXES
from msemu.tracking.tree import Path

_PULL_HZ = 0.5
"""Frequency of the spring that guides the root back to the clip."""
_SMOOTHING_S = 0.04
"""Width of the filter of the clip from which a smoothed way deviates [s]."""


def found_clip(env: MotionTrackingEnv, path: Path) -> MotionClip:
    """Return a way, from the first frame of the clip, as a clip with what was wanted of it."""
    start = env.reference.state(torch.zeros(1, dtype=torch.long))
    qpos, qvel = (torch.cat(pair).numpy() for pair in zip(start, (path.qpos, path.qvel), strict=True))
    wanted = np.zeros_like(qvel)
    wanted[:, IndependentDofs(env.body).index.numpy()] = torch.cat((path.wanted, path.wanted[-1:])).numpy()
    return _clip(env, qpos, qvel, wanted)


def errors_along(env: MotionTrackingEnv, path: Path, wanted: ReferenceMotion) -> dict[str, float]:
    """Return the mean errors of a way [deg, cm], by the names of `msemu.envs.tracking_error.summary`."""
    clip = replace(env.reference.clips[0], qpos=path.qpos.numpy(), qvel=path.qvel.numpy())
    frame = torch.arange(1, len(path) + 1)
    found = tracking_error.summary(kinematics_along(env.body, clip, env.device), wanted.kinematics(frame))
    return {name: float(values.mean()) for name, values in found.items()}


def smoothed(env: MotionTrackingEnv, found: MotionClip, width_s: float) -> MotionClip:
    """Return a found clip without what deviates from the clip faster than a Gaussian of a width [s] lets pass."""
    assert found.simulated
    recorded = replace(found, qpos=_recorded(env, found.num_frames))
    base = differentiate(env.body, recorded, _SMOOTHING_S)
    own = found.qpos.copy()
    own[:, 3:7] *= np.where((own[:, 3:7] * base.qpos[:, 3:7]).sum(1, keepdims=True) < 0.0, -1.0, 1.0)

    def near(values: np.ndarray, start: np.ndarray) -> np.ndarray:
        return start + gaussian_filter1d(values - start, width_s * found.fps, axis=0, mode="nearest")

    qpos = near(own, base.qpos)
    qpos[:, 3:7] /= np.linalg.norm(qpos[:, 3:7], axis=1, keepdims=True)
    qpos = env.body.couplings.project(qpos)
    qvel = env.body.couplings.project_velocity(qpos, near(found.qvel, base.qvel))
    return _clip(env, qpos, qvel, near(found.simulated.wanted_acceleration, base.qacc))


def way_back(env: MotionTrackingEnv, path: Path, ends: list[int]) -> torch.Tensor:
    """Return the guidance that leads from a way back to the clip in some frames, float32, shape [N, A]."""
    frame = torch.tensor(ends)
    clip, found = env.reference.state(frame)[0], path.qpos[frame - 1]
    joints = IndependentDofs(env.body).index[ROOT_DOFS:] + 1
    still = torch.zeros(len(found), env.body.model.nv, dtype=found.dtype)
    root = RootDeviation.between(found, still, clip, still)
    rate = (2.0 * math.pi * _PULL_HZ) ** 2
    parts = (clip - found)[:, joints], rate * root.position, rate * root.rotation, still[:, :STEP_AXES]
    return torch.cat(parts, 1).float()


def _clip(env: MotionTrackingEnv, qpos: np.ndarray, qvel: np.ndarray, wanted: np.ndarray) -> MotionClip:
    followed = env.reference.clips[0]
    recorded = _recorded(env, len(qpos))
    simulated = Simulated((), "", "own", followed.name, np.zeros((len(qpos), 0)), wanted, recorded)
    return MotionClip(followed.body, followed.joint_names, followed.fps, qpos, qvel, name="found", simulated=simulated)


def _recorded(env: MotionTrackingEnv, frames: int) -> np.ndarray:
    """Return the poses of the clip in its first frames, cycles included, shape [frames, nq]."""
    return env.reference.state(torch.arange(frames))[0].numpy()
