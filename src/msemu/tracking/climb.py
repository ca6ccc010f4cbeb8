"""From an easier body to the one that is asked for: searches one after another, each about what the last one found."""

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path as File
from typing import Any

import numpy as np

from msemu.errors import MsemuError
from msemu.files import array_names, read_arrays, write_arrays
from msemu.models.body import Body
from msemu.motion.clip import MotionClip
from msemu.schema import TaskCfg
from msemu.tracking.cost import TrackingCost
from msemu.tracking.environment import Condition, make_env
from msemu.tracking.particles import Particles
from msemu.tracking.result import Result, replay
from msemu.tracking.search import Progress, Search, spread_of
from msemu.tracking.settings import SearchCfg
from msemu.tracking.space import GuidedCfg, RecordedCfg

SEARCH_SUFFIX = ".search.npz"
_SAVE_EVERY_S = 60.0
_STRENGTH_STEP = 0.25


@dataclass(frozen=True)
class Order:
    """What is to be found.

    Attributes:
        cfg: Values of the task.
        body: The body as it is.
        clip: The clip.
        total: Control steps of it.
        condition: How strong the body is to be.
        begin_strength: Strength that the search begins with [-].
        bodies: Bodies that try at a time.
        passes: Passes at most at the strength that is asked for.
        seed: Seed of what is drawn.
        search: Values of the search.
    """

    cfg: TaskCfg
    body: Body
    clip: MotionClip
    total: int
    condition: Condition
    begin_strength: float
    bodies: int
    passes: int
    seed: int
    search: SearchCfg = field(default_factory=SearchCfg)

    def stages(self) -> list[Condition]:
        """Return the conditions on the way to the one that is asked for."""
        begin, end = self.begin_strength, self.condition.strength
        count = max(1, round(abs(begin - end) / _STRENGTH_STEP)) if begin != end else 0
        strengths = np.linspace(begin, end, count + 1) if count else [end]
        return [Condition(round(float(each), 4), self.condition.strength_set) for each in strengths]

    def identity(self) -> str:
        """Return what a search that goes on must have in common with the one before, as JSON."""
        clip = {"clip": self.clip.name, "frames": self.clip.num_frames, "place": float(self.clip.qpos.sum())}
        own = {"body": self.body.name, "steps": self.total, "begin_strength": self.begin_strength}
        values = {"bodies": self.bodies, "seed": self.seed, **asdict(self.condition)}
        return json.dumps(clip | own | values, sort_keys=True)


class Climb:
    """A search from condition to condition, which can be left and gone on with.

    Attributes:
        finished: Conditions before the present one, with what was needed there.
        search: The search at the present condition.
    """

    def __init__(self, order: Order, file: File):
        """Begin; the state is kept in ``file``."""
        self._order, self._file = order, file
        self._stages = order.stages()
        self.finished: list[dict[str, Any]] = []
        self._steps_before, self._seconds_before, self._began = 0, 0.0, time.monotonic()
        self._saved = time.monotonic()
        self._enter(0)

    def run(self, should_stop: Callable[[], bool], report: Callable[[Progress], None]) -> None:
        """Search until it is done or is to stop; ``report`` is called after every window."""

        def keep_going() -> bool:
            if time.monotonic() - self._saved > _SAVE_EVERY_S:
                self.save()
            return should_stop()

        while True:
            is_last = len(self.finished) + 1 == len(self._stages)
            passes = self._order.passes if is_last else 0
            while not (self.search.completed and not is_last):
                before = len(self.search.records)
                self.search.run(min(before + 1, passes or self._order.passes), keep_going, report)
                if len(self.search.records) == before:
                    break
            if is_last or not self.search.completed:
                return
            self._next()

    @property
    def condition(self) -> Condition:
        """The present condition."""
        return self._stages[len(self.finished)]

    @property
    def body(self) -> Body:
        """The body at the present condition."""
        return self._particles.env.body

    @property
    def steps(self) -> int:
        """Environment steps so far."""
        return self._steps_before + self._particles.steps

    @property
    def seconds(self) -> float:
        """Time so far, that of earlier calls included [s]."""
        return self._seconds_before + time.monotonic() - self._began

    def needed(self) -> list[dict[str, Any]]:
        """Return what was needed at each condition so far."""
        return [*self.finished, self._account()]

    def result(self) -> Result:
        """Replay the best way so far.

        Raises:
            MsemuError: No body has come through the first window.
        """
        order, best = self._order, self.search.best
        if best is None:
            raise MsemuError(
                f"no body has come through the first {order.search.window_steps} control steps of the clip"
                f" '{order.clip.name}'; see: msemu-motion check CLIP"
            )
        env = make_env(order.cfg, order.body, order.clip, 1, self.condition, RecordedCfg(), order.seed)
        title = f"{order.clip.name} on {order.body.name}  strength {self.condition.strength:g}"
        return replay(env, best, order.total, title)

    def save(self) -> None:
        """Write everything that the search depends on."""
        about = {"finished": self.finished, "steps": self._steps_before, "seconds": self.seconds}
        texts = {"identity": self._order.identity(), "about": json.dumps(about)}
        write_arrays(self._file, {**self.search.state(), **{name: np.array(text) for name, text in texts.items()}})
        self._saved = time.monotonic()

    def resume(self) -> None:
        """Go on from what `save` has written.

        Raises:
            MsemuError: There is no such file, it is damaged, or is of another search.
        """
        if not self._file.is_file():
            raise MsemuError(f"there is no search to go on with at {self._file}; leave --resume out to begin one")
        names = tuple(array_names(self._file))
        if "identity" not in names:
            raise MsemuError(f"{self._file} is no search of msemu-track; leave --resume out to begin a new one")
        arrays = read_arrays(self._file, names)
        self._require_same(str(arrays.pop("identity")))
        try:
            about = json.loads(str(arrays.pop("about")))
            self.finished = list(about["finished"])
            self._enter(len(self.finished))
            self._steps_before, self._seconds_before = int(about["steps"]), float(about["seconds"])
            self.search.load_state(arrays)
        except (KeyError, ValueError, TypeError, IndexError, RuntimeError) as error:
            raise MsemuError(
                f"{self._file} is damaged ({str(error)[:80]!r}); leave --resume out to begin a new search"
            ) from error

    def _require_same(self, saved: str) -> None:
        own = json.loads(self._order.identity())
        try:
            other = dict(json.loads(saved))
        except (ValueError, TypeError):
            other = {}
        differ = [f"{name} {other.get(name)!r}, not {own[name]!r}" for name in own if other.get(name) != own[name]]
        if differ:
            raise MsemuError(f"{self._file} is of another search: {'; '.join(differ)[:300]}; give its options again")

    def _enter(self, index: int) -> None:
        order = self._order
        env = make_env(order.cfg, order.body, order.clip, order.bodies, self._stages[index], GuidedCfg(), order.seed)
        limit = order.cfg.env.terminations["body_position_deviation"].limit
        self._particles = Particles(env, TrackingCost(env, order.search.selection, limit))
        spread = spread_of(env.body, self._particles.dofs, order.search.spread)
        self.search = Search(self._particles, spread, order.total, order.search, order.seed)

    def _next(self) -> None:
        assert self.search.best
        guidance = self.search.best.guidance
        self.finished.append(self._account())
        self._steps_before += self._particles.steps
        self._enter(len(self.finished))
        self.search.follow(guidance)

    def _account(self) -> dict[str, Any]:
        best = self.search.best
        share = len(best) / self._order.total if best else 0.0
        passes = [asdict(record) for record in self.search.records]
        return {**asdict(self.condition), "passes": passes, "completed": share}
