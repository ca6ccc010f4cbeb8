"""Where the episodes of an evaluation start: spread over a clip, or at its first frame with disturbed joints."""

from dataclasses import dataclass

import numpy as np
import torch

from msemu.envs.motion_tracking import MotionTrackingEnv
from msemu.motion.geometry import disturbed
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
