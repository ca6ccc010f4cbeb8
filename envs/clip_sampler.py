"""Where episodes start: which clip, and which frame of it."""

import torch

from msemu.config import ClipSamplingCfg
from msemu.motion.reference import CLIP_SPACING, ReferenceMotion

_FORGETTING = 0.99
"""Share of the counted steps and failures that is kept in each step: the curves look back about a hundred steps."""


class ClipSampler:
    """Draws the frames that episodes start in.

    A frame is drawn uniformly from its clip. Of several clips, one that fails more often is drawn more often (see
    `ClipSamplingCfg`). Everything stays on the device.

    Attributes:
        failure_rate: Moving average of the share of episodes of each clip that end by a failure [-], shape [C]; a clip
            of which too few have ended has 1.
    """

    def __init__(self, reference: ReferenceMotion, cfg: ClipSamplingCfg):
        """Start with all clips alike."""
        self._reference = reference
        self._cfg = cfg
        clips = len(reference.clips)
        self._chooses = clips > 1
        self._only_starts = int(reference.starts[0])
        self.failure_rate = torch.ones(clips, device=reference.starts.device)
        # Rows: episodes that have ended and that have failed since the rate was brought up to date.
        self._episodes = torch.zeros(2, clips, device=reference.starts.device)
        # Rows: control steps and failures, older ones forgotten.
        self._recent = torch.zeros(2, clips, device=reference.starts.device)

    def probability(self) -> torch.Tensor:
        """How likely an episode is to follow each clip [-], shape [C]."""
        priority = self.failure_rate**self._cfg.exponent
        # Where nothing ever fails, all clips are alike.
        priority = priority.clamp(min=torch.finfo(priority.dtype).tiny)
        uniform = self._cfg.uniform_share / len(priority)
        return uniform + (1.0 - self._cfg.uniform_share) * priority / priority.sum()

    def draw(self, count: int, generator: torch.Generator) -> torch.Tensor:
        """Draw frame numbers, shape [count]."""
        starts = self._reference.starts
        if not self._chooses:
            return torch.randint(self._only_starts, (count,), generator=generator, device=starts.device)
        # The inverse of the cumulated probability: torch.multinomial would make the host wait for the device.
        chance, place = torch.rand(2, count, generator=generator, device=starts.device)
        bounds = self.probability().cumsum(0)
        clip = torch.searchsorted(bounds, chance * bounds[-1], right=True).clamp(max=len(starts) - 1)
        frame = torch.minimum((place * starts[clip]).long(), starts[clip] - 1)
        return clip * CLIP_SPACING + frame

    def record(self, frame: torch.Tensor, failed: torch.Tensor, dones: torch.Tensor) -> None:
        """Count what happened in a control step.

        Args:
            frame: Frame numbers before any reset, shape [E].
            failed: Which episodes have failed, shape [E].
            dones: Which have ended, shape [E].
        """
        if not self._chooses:
            return
        seen = torch.stack((torch.ones_like(failed), failed, dones)).float()
        steps, failures, ended = torch.zeros(3, len(self.failure_rate), device=frame.device).index_add_(
            1, self._reference.clip_of(frame), seen
        )
        self._recent = _FORGETTING * self._recent + torch.stack((steps, failures))
        episodes = self._episodes + torch.stack((ended, failures))
        enough = episodes[0] >= self._cfg.episodes
        newest = episodes[1] / episodes[0].clamp(min=1.0)
        updated = torch.lerp(self.failure_rate, newest, self._cfg.smoothing)
        self.failure_rate = torch.where(enough, updated, self.failure_rate)
        self._episodes = torch.where(enough, 0.0, episodes)

    def log(self) -> dict[str, torch.Tensor]:
        """Recent failures of each of several clips, per control step of the clip."""
        if not self._chooses:
            return {}
        rates = self._recent[1] / self._recent[0].clamp(min=1.0)
        names = [f"Clip/{name}_failures_per_step" for name in self._reference.names]
        return dict(zip(names, rates, strict=True))

    def state_dict(self) -> dict[str, torch.Tensor]:
        """What the next draw among several clips depends on."""
        if not self._chooses:
            return {}
        return {
            "failure_rate": self.failure_rate.clone(),
            "episodes": self._episodes.clone(),
            "recent": self._recent.clone(),
        }

    def load_state_dict(self, state: dict[str, torch.Tensor]) -> None:
        """Continue from a `state_dict`.

        Raises:
            KeyError: It belongs to a single clip.
            ValueError: It belongs to another number of clips.
        """
        if not self._chooses:
            return
        if state["failure_rate"].shape != self.failure_rate.shape:
            raise ValueError(f"{len(state['failure_rate'])} clips")
        self.failure_rate = state["failure_rate"].clone()
        self._episodes = state["episodes"].clone()
        self._recent = state["recent"].clone()
