"""Bodies that begin disturbed all along a clip, and try actions."""

from collections.abc import Callable, Sequence

import numpy as np
import torch

from msemu.control.independent_dofs import ROOT_DOFS
from msemu.control.tracking.feedback import deviation_from
from msemu.envs.motion_tracking import MotionTrackingEnv
from msemu.motion.feedback import Feedback
from msemu.motion.geometry import disturbed
from msemu.tracking.feedback.regression import Samples
from msemu.tracking.feedback.settings import FeedbackCfg
from msemu.tracking.space import GuidedSpace


class Sampler:
    """The environments of a learning; their action space is the `GuidedSpace`.

    Attributes:
        joint_names: The L joints that are seen and led.
        windows: First control step of each of W windows, and the last one's end, shape [W + 1].
    """

    def __init__(self, env: MotionTrackingEnv, led: Sequence[str], noise_deg: float, cfg: FeedbackCfg, seed: int):
        """Take environments of a clip that ends, and the names of the joints, of the independent ones."""
        assert isinstance(env.action_space, GuidedSpace)
        self._env, self._cfg, self._noise_deg = env, cfg, noise_deg
        dofs = env.action_space.controller.dofs
        names = dofs.names[ROOT_DOFS:]
        self.joint_names = tuple(led)
        self._led = torch.tensor([names.index(name) for name in led])
        self._dofs = dofs.index[ROOT_DOFS:][self._led]
        self._root = len(names) + torch.arange(ROOT_DOFS)
        steps = env.reference.clips[0].num_frames - 2
        self.windows = [*range(0, steps, cfg.held_steps), steps]
        self._tried, self._greatest = (
            torch.from_numpy(values.along(len(led))) for values in (cfg.explored, cfg.greatest)
        )
        self._random, self._noise = torch.Generator().manual_seed(seed), np.random.default_rng(seed)

    @property
    def steps(self) -> int:
        """Control steps of a sweep."""
        return self.windows[-1] * self._env.num_envs

    def sweep(self, feedback: Feedback | None, advance: Callable[[int, int], None]) -> list[Samples]:
        """Go through the clip once, with tried actions beside those of a feedback; return the samples by window.

        ``advance`` is called after every window with the number of steps done and in all.
        """
        env, cfg, found = self._env, self._cfg, []
        lost = torch.ones(env.num_envs, dtype=torch.bool)
        for window, (first, last) in enumerate(zip(self.windows, self.windows[1:], strict=False)):
            drawn = torch.rand(env.num_envs, generator=self._random) < cfg.fresh_share
            self._begin(first, lost | drawn)
            before = self._deviation()
            shape = (env.num_envs, len(self._tried))
            action = self._tried * torch.randn(shape, generator=self._random, dtype=torch.float64)
            if feedback is not None:
                action = action + before @ torch.from_numpy(feedback.gain[window]).T
            action = action.clamp(-self._greatest, self._greatest)
            going = self._hold(action, first, last)
            after = self._deviation()
            found.append(Samples(*(values[going].numpy() for values in (before, action, after))))
            lost = ~going | (after[:, :3].norm(dim=1) > cfg.lost_m)
            advance(last, self.windows[-1])
        return found

    def _begin(self, frame: int, where: torch.Tensor) -> None:
        """Put some bodies, shape [E], on a frame of the clip, disturbed."""
        frames = torch.full_like(self._env.frame, frame)
        poses = self._env.reference.state(frames)[0]
        changed = disturbed(self._env.body, poses.numpy(), self._noise_deg, self._noise)
        self._env.restart(frames, torch.from_numpy(changed), where)

    def _hold(self, action: torch.Tensor, first: int, last: int) -> torch.Tensor:
        """Simulate a window with an action; return which bodies are still on their way, shape [E]."""
        going = torch.ones(self._env.num_envs, dtype=torch.bool)
        guidance = torch.zeros(self._env.num_envs, self._env.num_actions, dtype=torch.float64)
        guidance[:, self._led], guidance[:, self._root] = action[:, :-ROOT_DOFS], action[:, -ROOT_DOFS:]
        with torch.no_grad():
            for step in range(first, last):
                self._env.step(guidance.float())
                going &= self._env.frame == step + 1
        return going

    def _deviation(self) -> torch.Tensor:
        return deviation_from(self._env.reference, self._env.frame, self._env.sim, self._dofs).double()
