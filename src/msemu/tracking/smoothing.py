"""The last pass of a search: the way that was found without what is only noise, simulated anew."""

from dataclasses import dataclass

import torch

from msemu.tracking.found import found_clip, smoothed
from msemu.tracking.particles import Particles, Trial
from msemu.tracking.settings import SearchCfg
from msemu.tracking.tree import Layer, Path


@dataclass(frozen=True)
class SmoothingRecord:
    """What a filter did to a way.

    Attributes:
        width_s: Width of the filter [s].
        reached: Control steps before a failure.
        cost_before: Mean cost of the way [-].
        cost: Mean cost of what was simulated anew [-].
        roughness_before: Change of the excitations from step to step, root mean square [-].
        roughness: That of what was simulated anew [-].
        kept: Whether it takes the place of the way.
    """

    width_s: float
    reached: int
    cost_before: float
    cost: float
    roughness_before: float
    roughness: float
    kept: bool

    def line(self) -> str:
        """Say what the filter did and cost."""
        cost = f"cost {self.cost:.2f} for {self.cost_before:.2f}"
        change = f"excitations change by {self.roughness:.3f} a step for {self.roughness_before:.3f}"
        if not self.cost < float("inf"):
            return f"smoothing by {1e3 * self.width_s:.0f} ms: not kept, the body falls after {self.reached} steps"
        return f"smoothing by {1e3 * self.width_s:.0f} ms: {'kept' if self.kept else 'not kept'}, {cost}; {change}"


def smooth(particles: Particles, path: Path, cfg: SearchCfg) -> tuple[Path, list[SmoothingRecord]]:
    """Simulate a whole way without its noise by one body; return it, or the way itself where that costs too much."""
    records: list[SmoothingRecord] = []
    env, cost = particles.env, float(path.cost.mean())
    found = found_clip(env, path)
    for width_s in cfg.smoothing_s:
        particles.space.follow(smoothed(env, found, width_s))
        particles.space.is_about_found = True
        particles.begin()
        still = torch.zeros(1, env.num_actions)
        trial, reached = _until_failure(particles, still, len(path), cfg.window_steps)
        own = float(trial.cost.mean()) if reached == len(path) else float("inf")
        rough = _roughness(path.excitation), _roughness(trial.excitation[0])
        kept = own <= (1.0 + cfg.smoothing_cost) * cost and rough[1] < rough[0]
        records.append(SmoothingRecord(width_s, reached, cost, own, *rough, kept))
        if kept:
            return _as_path(trial, particles, still), records
    return path, records


def _until_failure(particles: Particles, still: torch.Tensor, total: int, steps: int) -> tuple[Trial, int]:
    trial: Trial | None = None
    done = 0
    while done < total and not (trial and trial.failed.any()):
        piece = particles.advance(still, still, min(steps, total - done))
        trial, done = trial.then(piece) if trial else piece, done + min(steps, total - done)
    assert trial
    return trial, done - steps if trial.failed.any() else done


def _as_path(trial: Trial, particles: Particles, still: torch.Tensor) -> Path:
    first = torch.zeros(1, dtype=torch.long)
    total = trial.cost.sum(1)
    arrays = first, still[None], total, total, trial.cost, trial.excitation, trial.qpos, trial.qvel, trial.wanted
    return Path([Layer.of(arrays, particles.state(first))])


def _roughness(excitation: torch.Tensor) -> float:
    return float(excitation.diff(dim=0).square().mean().sqrt())
