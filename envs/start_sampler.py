"""Where episodes start: which segment of which clip, and which frame of it."""

from itertools import accumulate

import numpy as np
import torch

from msemu.models.body import Body
from msemu.motion.geometry import disturbed
from msemu.motion.reference import CLIP_SPACING, ReferenceMotion
from msemu.schema import StartSamplingCfg

_FORGETTING = 0.99
"""Share of the counted steps and failures that is kept in each step: the curves look back about a hundred steps."""

_VARIANTS = 16
"""Disturbances of each frame."""


class StartSampler:
    """Draws the frames that episodes start in: the more often episodes from a segment fail, the more start there.

    Clips are cut into segments of about the same duration. An episode is an experiment on the segment it started in,
    with one of two results: it failed within a horizon, or it did not. The failure rate of a segment is

        r = (1 + failures) / (1 + episodes)

    with counts that forget old episodes. The ones stand for an episode that failed before anything was known: a segment
    that has not been tried counts as one that always fails. Let a segment have the probability ``b`` where all clips,
    and all frames of a clip, are drawn alike. Of all draws, the share ``u`` is of that kind, the others follow the
    failures:

        p = b (u + (1 - u) r / sum(b r))

    A clip is thus drawn by the mean failure rate of its frames, whatever its length, and its segments by their own.

    BeyondMimic (arXiv:2508.08241) counts a failure where the body falls, and a little before; MuscleMimic
    (arXiv:2603.25544) counts by clips. Here it counts where the episode started: a walking body that starts badly falls
    one to several seconds later, which is more than a cycle, so that the place of the fall says nothing of its cause.

    Everything stays on the device.
    """

    def __init__(self, reference: ReferenceMotion, cfg: StartSamplingCfg):
        """Cut the clips into segments and know nothing of them."""
        self._reference, self._cfg = reference, cfg
        self._fps = reference.clips[0].fps
        self._horizon = max(1, round(cfg.horizon_s * self._fps))
        pieces = [_cut(starts, cfg.segment_s * self._fps) for starts in reference.starts.clamp(min=1).tolist()]
        clip_rows = accumulate((clip.num_frames for clip in reference.clips[:-1]), initial=0)
        device = reference.starts.device
        self._length = torch.cat([edges.diff() for edges in pieces]).to(device)
        self._base = torch.cat([edges.diff() / (edges[-1] * len(pieces)) for edges in pieces]).to(device)
        first_rows = [row + edges[:-1] for row, edges in zip(clip_rows, pieces, strict=True)]
        self._first_row = torch.cat(first_rows).to(device)
        self._frame_numbers = reference.frame_numbers()
        # Rows: episodes with a known result and those that failed, for each segment; older ones forgotten.
        self._results = torch.zeros(2, len(self._base), device=device)
        # Rows: control steps and failures, for each clip; older ones forgotten.
        self._recent = torch.zeros(2, len(reference.clips), device=device)

    def failure_rate(self) -> torch.Tensor:
        """Failure rate of the episodes that start in each segment [-], shape [S]."""
        episodes, failures = self._results
        return (1.0 + failures) / (1.0 + episodes)

    def probability(self) -> torch.Tensor:
        """How likely an episode is to start in each segment [-], shape [S]."""
        share, rate = self._cfg.uniform_share, self.failure_rate()
        return self._base * (share + (1.0 - share) * rate / (self._base * rate).sum())

    def segment_of(self, frame: torch.Tensor) -> torch.Tensor:
        """Index of the segment that ``frame`` lies in, shape [...]."""
        return torch.searchsorted(self._first_row, self._reference.row(frame), right=True) - 1

    def draw(self, count: int, generator: torch.Generator) -> torch.Tensor:
        """Draw frame numbers, shape [count]."""
        # The inverse of the cumulated probability: torch.multinomial would make the host wait for the device.
        chance, place = torch.rand(2, count, generator=generator, device=self._base.device)
        bounds = self.probability().cumsum(0)
        segment = torch.searchsorted(bounds, chance * bounds[-1], right=True).clamp(max=len(bounds) - 1)
        length = self._length[segment]
        row = self._first_row[segment] + torch.minimum((place * length).long(), length - 1)
        return self._frame_numbers[row]

    def record(self, start: torch.Tensor, frame: torch.Tensor, failed: torch.Tensor, dones: torch.Tensor) -> None:
        """Count what happened in a control step.

        Args:
            start: Frame numbers that the episodes started in, shape [E].
            frame: Frame numbers before any reset, shape [E].
            failed: Which episodes have failed, shape [E].
            dones: Which have ended, shape [E].
        """
        age = frame - start
        # Known is a failure or another end up to the horizon, or that the horizon was reached; later, nothing counts.
        known = (age == self._horizon) | (dones & (age < self._horizon))
        results = _count(self._results, self.segment_of(start), known, known & failed)
        kept = (1.0 - 1.0 / self._cfg.memory) ** results[0]
        self._results = kept * self._results + results
        steps = _count(self._recent, self._reference.clip_of(start), torch.ones_like(failed), failed)
        self._recent = _FORGETTING * self._recent + steps

    def log(self) -> dict[str, torch.Tensor]:
        """Failure rate from all starts and from the hardest segment; recent failures per step of several clips."""
        rate = self.failure_rate()
        # An index in brackets would make the host wait for the device.
        first_frame = self._frame_numbers.take(self._first_row.take(rate.argmax()))
        log = {
            "Start/failure_rate": (self._base * rate).sum(),
            "Start/hardest_failure_rate": rate.max(),
            "Start/hardest_s": first_frame % CLIP_SPACING / self._fps,
        }
        if len(self._reference.clips) > 1:
            failures = self._recent[1] / self._recent[0].clamp(min=1.0)
            names = [f"Clip/{name}_failures_per_step" for name in self._reference.names]
            log |= dict(zip(names, failures, strict=True))
        return log

    def state_dict(self) -> dict[str, torch.Tensor]:
        """Return what the next draw depends on."""
        return {"results": self._results.clone(), "recent": self._recent.clone()}

    def load_state_dict(self, state: dict[str, torch.Tensor]) -> None:
        """Continue from a `state_dict`.

        Raises:
            ValueError: It belongs to another number of segments or clips.
        """
        if any(state[name].shape != own.shape for name, own in self.state_dict().items()):
            raise ValueError(f"{state['results'].shape[1]} start segments of {state['recent'].shape[1]} clips")
        self._results, self._recent = state["results"].clone(), state["recent"].clone()


def _cut(starts: int, length: float) -> torch.Tensor:
    """Cut so many frames into pieces of about a length: the first frame of each, and the end, shape [pieces + 1]."""
    pieces = min(starts, max(1, round(starts / length)))
    return torch.arange(pieces + 1) * starts // pieces


def _count(like: torch.Tensor, index: torch.Tensor, *marks: torch.Tensor) -> torch.Tensor:
    """How often each mark is set for each index, shape of ``like``: a row for each mark [E]."""
    return torch.zeros_like(like).index_add_(1, index, torch.stack(marks).to(like.dtype))


class Disturbances:
    """Several disturbances of each frame of the clips, made once, so that drawing one needs no host."""

    def __init__(self, body: Body, reference: ReferenceMotion, noise_deg: float, seed: int):
        """Disturb independent joints by at most ``noise_deg`` [deg], uniform between both signs."""
        poses = np.concatenate([clip.qpos for clip in reference.clips])
        generator = np.random.default_rng(seed)
        changed = np.stack([disturbed(body, poses, noise_deg, generator) for _ in range(_VARIANTS)], axis=1)
        self._reference = reference
        self._table = torch.from_numpy(changed).to(reference.starts.device)

    def draw(self, frame: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Return a disturbed position at each of some frames, shape [E, nq]; clips that repeat have gone on."""
        row = self._reference.row(frame)
        choice = torch.randint(_VARIANTS, frame.shape, generator=generator, device=frame.device)
        qpos = self._table[row, choice]
        qpos[:, :2] = self._reference.state(frame)[0][:, :2]
        return qpos
