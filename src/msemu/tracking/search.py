"""A sampling search over the targets of the muscle controller that makes a simulated body follow a clip to its end.

After SAMCON (Liu et al. 2010, doi 10.1145/1778765.1778865), with the muscle controller in place of joint torques. The
clip is cut into windows, in each of which many bodies try what they are guided by, and those that stay closest to it
are gone on from. A pass through the whole clip gives the mean of what is drawn in the next one, with less spread.
"""

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from msemu.control.independent_dofs import ROOT_DOFS
from msemu.models.body import Body
from msemu.tracking.particles import Particles
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
    """

    def __init__(self, particles: Particles, spread: torch.Tensor, total: int, cfg: SearchCfg, seed: int):
        """Begin at the first frame; ``spread`` is that of the first pass, shape [A]."""
        self._particles, self._spread, self._cfg, self.total = particles, spread, cfg, total
        self._generator = torch.Generator().manual_seed(seed)
        self._random = self._generator.get_state()
        self._scale = 1.0
        self._mean = torch.zeros(self._windows, len(spread))
        self._tree: Tree | None = None
        self._failures: dict[int, int] = {}
        self.best: Path | None = None
        self._elite: Path | None = None
        self.records: list[PassRecord] = []

    @property
    def _windows(self) -> int:
        return -(-self.total // self._cfg.window_steps)

    @property
    def completed(self) -> bool:
        """Whether the best way leads to the end of the clip."""
        return self.best is not None and len(self.best) == self.total

    def follow(self, guidance: torch.Tensor) -> None:
        """Draw about a way that was found elsewhere, shape [W', A] with at most as many windows as there are."""
        self._mean = torch.zeros_like(self._mean)
        self._mean[: len(guidance)] = guidance

    def run(self, passes: int, should_stop: Callable[[], bool], report: Callable[[Progress], None]) -> None:
        """Do passes until there are so many, the cost falls no more, or ``should_stop`` after a window."""
        while len(self.records) < passes and not self._is_settled():
            if not self._pass(should_stop, report):
                return

    def _pass(self, should_stop: Callable[[], bool], report: Callable[[Progress], None]) -> bool:
        """Go on with a pass to its end; return whether it has come there."""
        tree = self._tree = self._tree or self._start()
        while tree.windows < self._windows:
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
        guidance = torch.zeros(1, len(self._spread))
        arrays = (first, guidance, torch.zeros(1), torch.zeros(1).double(), *[empty] * 4)
        return Tree([Layer.of(arrays, particles.state(first))], self._cfg.back[1])

    def _try_window(self, tree: Tree) -> Layer | None:
        """Let all bodies go through the next window; None when every one has failed."""
        cfg, top = self._cfg, tree.layers[-1]
        bodies = self._particles.env.num_envs
        chosen = (len(top) * (torch.arange(bodies) / bodies) ** 2).long()
        self._particles.load(top.state, chosen)
        steps = min(cfg.window_steps, self.total - tree.windows * cfg.window_steps)
        window, guidance = tree.windows, self._draw(tree.windows, bodies)
        trial = self._particles.advance(top.guidance[chosen], guidance, steps)
        select = cfg.selection
        score = trial.cost[:, -1] + select.mean_share * trial.cost.mean(1) + select.memory * top.score[chosen]
        alive = ~trial.failed & score.isfinite()
        order = torch.where(alive, score, torch.inf).argsort(stable=True)
        kept = order[: min(int(alive.sum()), max(1, round(select.kept * bodies)))]
        total = top.total[chosen] + trial.cost.sum(1)
        tensors = (chosen, guidance, score, total, trial.cost, trial.excitation, trial.qpos, trial.wanted)
        layer = Layer.of([tensor[kept] for tensor in tensors], self._particles.state(kept))
        if self._elite:
            layer = layer.beside(self._elite_layer(top, window))
        return layer if len(layer) else None

    def _elite_layer(self, top: Layer, window: int) -> Layer:
        """Return the next window of the best way of before, which goes on beside those that are tried."""
        assert self._elite
        before = self._elite.layers[window - 1].total if window else torch.zeros(1)
        return replace(self._elite.layers[window], parent=(top.total == before).nonzero()[:1, 0])

    def _draw(self, window: int, bodies: int) -> torch.Tensor:
        """Draw what guides the bodies: about the mean, or a share of it, with more or less spread."""
        noise = torch.randn(bodies, len(self._spread), generator=self._generator)
        size, share = torch.rand(2, bodies, 1, generator=self._generator)
        share[::2] = 1.0
        size[0] = 0.0
        tries = self._failures.get(window, 0)
        return share * self._mean[window] + self._scale * (1.0 + 0.25 * tries) * size * noise * self._spread

    def _retreat(self, tree: Tree) -> bool:
        """Go back after all have failed; return whether to go on."""
        window = tree.windows
        tries = self._failures[window] = self._failures.get(window, 0) + 1
        if tries > self._cfg.tries or sum(self._failures.values()) > 4 * self._cfg.tries:
            return False
        least, most = self._cfg.back
        tree.go_back(min(most, least + 2 * (tries - 1)))
        return True

    def _finish(self, tree: Tree) -> None:
        """Draw about the best way from now on, and closer to it when this pass has come to the end."""
        reached = min(tree.windows * self._cfg.window_steps, self.total)
        cost = float(tree.path().cost.mean()) if tree.windows else math.inf
        self.records.append(PassRecord(reached, cost, self._scale))
        if self.best:
            self.follow(self.best.guidance)
        if reached == self.total:
            self._scale *= self._cfg.shrink
            self._elite = self.best
        self._tree = None

    def state(self) -> dict[str, np.ndarray]:
        """Return everything that the next window depends on, and the best way."""
        counts = {"scale": self._scale, "steps": self._particles.steps, "failures": [*self._failures.items()]}
        records = [dataclasses.astuple(record) for record in self.records]
        arrays: dict[str, Any] = {"random": self._random, "mean": self._mean, **counts, "records": records}
        arrays |= saved(self.best.layers if self.best else (), "best.")
        arrays |= saved(self._tree.layers if self._tree else (), "layer.")
        return {name: np.asarray(value) for name, value in arrays.items()}

    def load_state(self, state: dict[str, np.ndarray]) -> None:
        """Continue from a `state` of the same search."""
        tensors = {name: torch.from_numpy(value.copy()) for name, value in state.items() if value.ndim}
        self._random = tensors["random"]
        self._generator.set_state(self._random)
        if tensors["mean"].shape != self._mean.shape:
            raise ValueError(f"a mean of shape {list(tensors['mean'].shape)}")
        self._mean, self._scale = tensors["mean"], float(state["scale"])
        self._particles.steps = int(state["steps"])
        self._failures = {int(window): int(tries) for window, tries in state["failures"].reshape(-1, 2)}
        self.records = [PassRecord(int(reached), *rest) for reached, *rest in state["records"].reshape(-1, 3).tolist()]
        best, layers = loaded(tensors, "best."), loaded(tensors, "layer.")
        self.best = Path(best) if best else None
        self._elite = self.best if any(record.reached == self.total for record in self.records) else None
        self._tree = Tree(layers, self._cfg.back[1]) if layers else None

    def _is_settled(self) -> bool:
        """Whether the last two passes have gained next to nothing over those before."""
        ends = [record.cost for record in self.records if record.reached == self.total]
        return len(ends) > 2 and min(ends[-2:]) > (1.0 - self._cfg.least_gain) * min(ends[:-2])


def _rank(path: Path) -> tuple[int, float]:
    """Rank the longest way first, of those that are alike the one of least cost."""
    return len(path), -float(path.layers[-1].total)
