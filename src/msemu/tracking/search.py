"""A sampling search over the targets of the muscle controller that makes a simulated body follow a clip to its end.

After SAMCON (Liu et al. 2010, doi 10.1145/1778765.1778865), with the muscle controller in place of joint torques. The
clip is cut into windows, in each of which many bodies try what they are guided by, and those that stay closest to it
are gone on from. The next pass draws about the way that was found: its states are followed, with the accelerations
that were wanted there, so that noise does not lead away from it. The spread of what is drawn, of each number in each
piece of the clip, follows that of what was chosen, as the diagonal of the covariance does in CMA-ES. Where passes gain
no more, the search begins anew: ways that were found from the first frame on differ by more than such passes gain.
"""

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any

import numpy as np
import torch

from msemu.control.independent_dofs import ROOT_DOFS
from msemu.models.body import Body
from msemu.tracking.found import found_clip, way_back
from msemu.tracking.particles import Particles, Trial
from msemu.tracking.reference.windows import Windows
from msemu.tracking.settings import SearchCfg, SpreadCfg
from msemu.tracking.space import STEP_AXES
from msemu.tracking.tree import Layer, Path, Tree, loaded, saved


@dataclass(frozen=True)
class Progress:
    """How far a search is.

    Attributes:
        number: Number of the pass, from 1.
        done: Control steps that the pass has gone through.
        total: Control steps of the clip.
        cost: Mean cost of the best way so far [-].
    """

    number: int
    done: int
    total: int
    cost: float


@dataclass(frozen=True)
class PassRecord:
    """What came out of a pass: how far it got [control steps], its mean cost [-] and its spread [-]."""

    reached: int
    cost: float
    spread: float


def spread_of(body: Body, dofs: Any, settings: SpreadCfg) -> torch.Tensor:
    """Return the standard deviation of each number that guides the controller, float32, shape [A]."""
    inertia = torch.from_numpy(body.model.dof_M0)[dofs.index[ROOT_DOFS:]]
    joints = torch.where(inertia > settings.light_joint_kg_m2, settings.joint_rad, 0.0)
    root = [settings.push_m_s2] * 3 + [settings.turn_rad_s2] * 3
    return torch.cat((joints, torch.tensor([*root, *[settings.step_m] * STEP_AXES]))).float()


class Search:
    """A search, pass by pass.

    Attributes:
        best: The best way so far: the longest, of those that are alike the one of least cost.
        records: The passes that are finished.
        total: Control steps of the clip.
        windows: How the clip is cut.
    """

    def __init__(self, particles: Particles, spread: torch.Tensor, windows: Windows, cfg: SearchCfg, seed: int):
        """Begin at the first frame; ``spread`` is that of the first pass, shape [A]."""
        self._particles, self.windows, self._cfg = particles, windows, cfg
        self.total = sum(map(sum, windows))
        self._first = [0, *accumulate(map(len, windows))]
        self._ends = list(accumulate(piece for window in windows for piece in window))
        self._generator = torch.Generator().manual_seed(seed)
        self._random = self._generator.get_state()
        self._scale = 1.0
        self._greatest = _MOST_SPREADS * spread
        self._spread = spread.repeat(len(self._ends), 1)
        self._chosen_spread = self._spread.clone()
        self._mean = torch.zeros_like(self._spread)
        self._first_draws = self._mean, self._spread
        self._starts, self._begun, self._rank_begun = 1, 0, _NOTHING
        self._tree: Tree | None = None
        self._failures: dict[int, int] = {}
        self.best: Path | None = None
        self._elite: Path | None = None
        self._num_found = 0
        self.records: list[PassRecord] = []

    @property
    def completed(self) -> bool:
        """Whether the best way leads to the end of the clip."""
        return self.best is not None and len(self.best) == self.total

    @property
    def is_halfway(self) -> bool:
        """Whether a pass has begun and not ended."""
        return self._tree is not None

    def draw_about(self, guidance: torch.Tensor) -> None:
        """Draw about the guidance of another search, shape [P', A], whose clip may be played at another speed."""
        place = torch.linspace(0, len(guidance) - 1, len(self._mean)).round().long()
        self._mean = guidance[place].clone()
        self._first_draws = self._mean, self._spread

    def begin_about(self, path: Path) -> None:
        """Follow a way that was found for a clip that is nearly this one."""
        self._go_about(path)

    def run(self, passes: int, should_stop: Callable[[], bool], report: Callable[[Progress], None]) -> None:
        """Do passes until there are so many, no start gains more, or ``should_stop`` after a window."""
        while len(self.records) < passes:
            if self._is_settled():
                if self._starts == self._cfg.starts:
                    return
                self._begin_anew()
            if not self._pass(should_stop, report):
                return

    def _begin_anew(self) -> None:
        """Forget what was found, but for the best way."""
        self._starts, self._begun = self._starts + 1, len(self.records)
        self._rank_begun = _rank(self.best) if self.best else _NOTHING
        self._mean, self._spread = self._first_draws
        self._chosen_spread = self._spread.clone()
        self._scale, self._num_found, self._elite = 1.0, 0, None

    def _pass(self, should_stop: Callable[[], bool], report: Callable[[Progress], None]) -> bool:
        """Go on with a pass to its end; return whether it has come there."""
        tree = self._tree = self._tree or self._start()
        while tree.windows < len(self.windows):
            if should_stop():
                return False
            layer = self._try_window(tree)
            if layer:
                tree.add(layer)
                path = tree.path()
                self.best = max(filter(None, (self.best, path)), key=_rank)
                report(Progress(len(self.records) + 1, len(path), self.total, float(path.cost.mean())))
            elif not self._retreat(tree):
                break
            self._random = self._generator.get_state()
        self._finish(tree)
        return True

    def _start(self) -> Tree:
        particles, first = self._particles, torch.zeros(1, dtype=torch.long)
        particles.begin()
        self._failures = {}
        empty = torch.zeros(1, 0)
        guidance = torch.zeros(1, 1, self._mean.shape[1])
        arrays = (first, guidance, torch.zeros(1), torch.zeros(1).double(), *[empty] * 5)
        return Tree([Layer.of(arrays, particles.state(first))], self._cfg.back[1])

    def _try_window(self, tree: Tree) -> Layer | None:
        """Let all bodies go through the next window; None when every one has failed."""
        top, window, select = tree.layers[-1], tree.windows, self._cfg.selection
        bodies = self._particles.env.num_envs
        chosen = (len(top) * (torch.arange(bodies) / bodies) ** 2).long()
        self._particles.space.is_about_found = window < self._num_found
        self._particles.load(top.state, chosen)
        mean, noise = self._draw(window, bodies)
        guidance = mean + noise
        trial = self._go(top.guidance[chosen, -1], guidance, self.windows[window])
        score = trial.cost[:, -1] + select.mean_share * trial.cost.mean(1) + select.memory * top.score[chosen]
        alive = ~trial.failed & score.isfinite()
        order = torch.where(alive, score, torch.inf).argsort(stable=True)
        kept = order[: min(int(alive.sum()), max(1, round(select.kept * bodies)))]
        self._learn(window, noise, kept)
        total = top.total[chosen] + trial.cost.sum(1)
        tensors = (chosen, guidance, score, total, trial.cost, trial.excitation, trial.qpos, trial.qvel, trial.wanted)
        layer = Layer.of([tensor[kept] for tensor in tensors], self._particles.state(kept))
        if self._elite and window < len(self._elite.layers):
            layer = layer.beside(self._elite_layer(self._elite, top, window))
        return layer if len(layer) else None

    def _go(self, before: torch.Tensor, guidance: torch.Tensor, pieces: tuple[int, ...]) -> Trial:
        """Go through the pieces of a window with guidance at the end of each, shape [E, P, A]."""
        trial: Trial | None = None
        for after, steps in zip(guidance.unbind(1), pieces, strict=True):
            piece = self._particles.advance(before, after, steps)
            trial, before = trial.then(piece) if trial else piece, after
        assert trial
        return trial

    @staticmethod
    def _elite_layer(elite: Path, top: Layer, window: int) -> Layer:
        """Return the next window of the best way of before, which goes on beside those that are tried."""
        before = elite.layers[window - 1].total if window else torch.zeros(1)
        return replace(elite.layers[window], parent=(top.total == before).nonzero()[:1, 0])

    def _pieces(self, window: int) -> slice:
        return slice(self._first[window], self._first[window + 1])

    def _draw(self, window: int, bodies: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Draw what guides the bodies: a share of the mean, and noise of more or less spread, both [E, P, A]."""
        mean, spread = self._mean[self._pieces(window)], self._spread[self._pieces(window)]
        noise = torch.randn(bodies, *spread.shape, generator=self._generator)
        size, share = torch.rand(2, bodies, 1, 1, generator=self._generator)
        # The mean about the clip was found to lead through; about a way that was found it leads back to the clip.
        share[::2] = 0.0 if window < self._num_found else 1.0
        size[0], share[0] = 0.0, 0.5 if window < self._num_found else 1.0
        tries = self._failures.get(window, 0)
        return share * mean, self._scale * (1.0 + 0.25 * tries) * size * noise * spread

    def _learn(self, window: int, noise: torch.Tensor, kept: torch.Tensor) -> None:
        """Note how far what was chosen spreads beside what was drawn."""
        if len(kept) > 1:
            pieces, share = self._pieces(window), self._cfg.adaptation
            ratio = noise[kept].square().mean(0) / noise.square().mean(0).clamp(min=1e-12)
            self._chosen_spread[pieces] = self._spread[pieces] * (1.0 - share + share * ratio).sqrt()

    def _retreat(self, tree: Tree) -> bool:
        """Go back after all have failed; return whether to go on."""
        window = tree.windows
        tries = self._failures[window] = self._failures.get(window, 0) + 1
        if tries > self._cfg.tries or sum(self._failures.values()) > 4 * self._cfg.tries:
            return False
        least, most = self._cfg.back
        tree.go_back(self._windows_before(window, min(most, least + 2 * (tries - 1))))
        return True

    def _windows_before(self, window: int, pieces: int) -> int:
        """How many windows before one have so many pieces together."""
        return sum(first > self._first[window] - pieces for first in self._first[1 : window + 1])

    def _finish(self, tree: Tree) -> None:
        """Draw about the best way from now on, and closer to it when this pass has come to the end."""
        reached = self._ends[self._first[tree.windows] - 1] if tree.windows else 0
        cost = float(tree.path().cost.mean()) if tree.windows else math.inf
        self.records.append(PassRecord(reached, cost, self._scale * self._relative_spread()))
        self._spread = self._chosen_spread.clone()
        self._scale *= self._cfg.shrink if reached == self.total else 1.0
        self._elite, self._tree = self.best, None
        if self.best:
            self._go_about(self.best)

    def _relative_spread(self) -> float:
        moving = self._greatest > 0.0
        return float((self._spread[:, moving] / self._greatest[moving]).mean()) * _MOST_SPREADS

    def _go_about(self, path: Path) -> None:
        """Let the next pass follow a way; near its end only where that is the clip's."""
        windows = len(path.layers)
        self._num_found = (
            windows if len(path) == self.total else windows - self._windows_before(windows, self._cfg.back[0])
        )
        pieces = self._first[self._num_found]
        guidance = path.guidance
        self._mean = torch.zeros_like(self._mean)
        self._mean[: len(guidance)] = guidance
        if pieces:
            env = self._particles.env
            back = way_back(env, path, self._ends[:pieces])
            self._mean[:pieces] = back.clamp(-self._greatest, self._greatest)
            self._particles.space.follow(found_clip(env, path))

    def state(self) -> dict[str, np.ndarray]:
        """Return everything that the next window depends on, and the best way."""
        counts = {"scale": self._scale, "steps": self._particles.steps, "failures": [*self._failures.items()]}
        counts |= {"starts": [self._starts, self._begun], "rank": self._rank_begun}
        counts |= {"found": self._num_found, "records": [dataclasses.astuple(record) for record in self.records]}
        drawn = {"mean": self._mean, "spread": self._spread, "chosen_spread": self._chosen_spread}
        arrays: dict[str, Any] = {"random": self._random, **drawn, **counts}
        arrays |= saved(self.best.layers if self.best else (), "best.")
        arrays |= saved(self._elite.layers if self._elite and self._elite is not self.best else (), "elite.")
        arrays |= saved(self._tree.layers if self._tree else (), "layer.")
        return {name: np.asarray(value) for name, value in arrays.items()}

    def load_state(self, state: dict[str, np.ndarray]) -> None:
        """Continue from a `state` of the same search."""
        tensors = {name: torch.from_numpy(value.copy()) for name, value in state.items() if value.ndim}
        self._random = tensors["random"]
        self._generator.set_state(self._random)
        for name in ("mean", "spread", "chosen_spread"):
            if tensors[name].shape != self._mean.shape:
                raise ValueError(f"a {name} of shape {list(tensors[name].shape)}")
        self._scale, self._num_found = float(state["scale"]), int(state["found"])
        self._particles.steps = int(state["steps"])
        self._starts, self._begun = (int(count) for count in state["starts"])
        length, cost = state["rank"]
        self._rank_begun = int(length), float(cost)
        self._failures = {int(window): int(tries) for window, tries in state["failures"].reshape(-1, 2)}
        self.records = [PassRecord(int(reached), *rest) for reached, *rest in state["records"].reshape(-1, 3).tolist()]
        best, elite, layers = (loaded(tensors, prefix) for prefix in ("best.", "elite.", "layer."))
        self.best = Path(best) if best else None
        self._elite = (Path(elite) if elite else self.best) if len(self.records) > self._begun else None
        self._tree = Tree(layers, self._cfg.back[1]) if layers else None
        if self._elite:
            self._go_about(self._elite)
        self._mean, self._spread = tensors["mean"], tensors["spread"]
        self._chosen_spread = tensors["chosen_spread"]

    def _is_settled(self) -> bool:
        """Whether this start has come to nothing better, or its last two passes gained next to nothing."""
        records = self.records[self._begun :]
        if records and self._starts > 1 and (not self.best or _rank(self.best) <= self._rank_begun):
            return True
        ends = [record.cost for record in records if record.reached == self.total]
        if not ends:
            reached = [record.reached for record in records]
            return len(reached) > 2 and max(reached[-2:]) <= max(reached[:-2])
        return len(ends) > 2 and min(ends[-2:]) > (1.0 - self._cfg.least_gain) * min(ends[:-2])


_NOTHING = (0, 0.0)
"""Rank of no way, see `_rank`."""

_MOST_SPREADS = 3.0
"""Guidance back to the clip is bounded by so many standard deviations of the first pass."""


def _rank(path: Path) -> tuple[int, float]:
    """Rank the longest way first, of those that are alike the one of least cost."""
    return len(path), -float(path.layers[-1].total)
