"""Where the episodes of an evaluation start: spread over a clip, or at its first frame with disturbed joints."""

from dataclasses import dataclass

import mujoco
import numpy as np
import torch

from msemu.envs.motion_tracking import MotionTrackingEnv
from msemu.models.body import Body
from msemu.models.couplings import Couplings
from msemu.models.geoms import lowest_points
from msemu.models.poses import posed, scalar_joints
from msemu.motion.reference import CLIP_SPACING


@dataclass(frozen=True)
class Starts:
    """Where the episodes of an evaluation start.

    Attributes:
        from_first: All of them at the first frame of the clip, not evenly spread over it.
        noise_deg: Greatest disturbance of an independent joint [deg]; it is uniform between both signs.
        seed: Seed of the disturbances.
    """

    from_first: bool = False
    noise_deg: float = 0.0
    seed: int = 0

    def frames(self, env: MotionTrackingEnv, clip: int, steps: int) -> torch.Tensor:
        """Frame numbers that the episodes of so many control steps start in, shape [E]."""
        followed = env.reference.clips[clip]
        starts = followed.num_frames if followed.cyclic else max(1, followed.num_frames - steps)
        places = torch.arange(env.num_envs, device=env.device) * (not self.from_first)
        return clip * CLIP_SPACING + places * starts // env.num_envs

    def qpos(self, env: MotionTrackingEnv, frames: torch.Tensor) -> torch.Tensor | None:
        """Disturbed positions at frames, shape [E, nq]; None where nothing is disturbed."""
        if not self.noise_deg:
            return None
        reference = env.reference.state(frames)[0]
        changed = disturbed(env.body, reference.cpu().numpy(), self.noise_deg, np.random.default_rng(self.seed))
        return torch.from_numpy(changed).to(reference)


SPREAD = Starts()


def disturbed(body: Body, qpos: np.ndarray, noise_deg: float, generator: np.random.Generator) -> np.ndarray:
    """Disturb the independent joints of poses [E, nq]; what couples moves along, and the lowest point keeps its height.

    A joint stays within its range, or where the reference has it if that is beyond.
    """
    model, joints = body.model, scalar_joints(body.model)[body.independent_joints]
    addresses, limits = model.jnt_qposadr[joints], model.jnt_range[joints].T
    low, high = np.minimum(limits[0], qpos[:, addresses]), np.maximum(limits[1], qpos[:, addresses])
    noise = np.radians(noise_deg) * generator.uniform(-1.0, 1.0, (len(qpos), len(joints)))
    changed = qpos.copy()
    changed[:, addresses] = np.clip(qpos[:, addresses] + noise, low, high)
    changed = Couplings.of(model).project(changed)
    geoms = np.concatenate([*body.contact_regions.values()])
    changed[:, 2] += _heights(model, qpos, geoms) - _heights(model, changed, geoms)
    return changed


def _heights(model: mujoco.MjModel, poses: np.ndarray, geoms: np.ndarray) -> np.ndarray:
    """Return the height of the lowest point of some geoms in each pose [m], shape [E]."""
    return np.array([lowest_points(model, data, geoms)[:, 2].min() for data in posed(model, poses)])
