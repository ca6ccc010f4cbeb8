"""What a search is to find, and by which conditions it comes there."""

import hashlib
import json
import math
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property

import numpy as np
import torch

from msemu.models.body import Body
from msemu.motion.clip import MotionClip
from msemu.motion.reference import ReferenceMotion
from msemu.schema import ControllerCfg, TaskCfg
from msemu.schema.controller import DecoderCfg
from msemu.tracking.environment import Condition
from msemu.tracking.reference.adaptation import Tolerance
from msemu.tracking.settings import SearchCfg

_STEPS = {"strength": 0.25, "speed": 0.25, "gravity": 0.25, "assist_bw": 0.25}
"""By how much a condition changes at most from one search to the next."""


@dataclass(frozen=True)
class Order:
    """What is to be found.

    Attributes:
        cfg: Values of the task.
        body: The body as it is.
        clip: The clip.
        total: Control steps of it.
        condition: How strong the body is to be.
        begin: Condition that the search begins with.
        bodies: Bodies that try at a time.
        passes: Passes at most at the strength that is asked for.
        seed: Seed of what is drawn.
        search: Values of the search.
        windows: Whether bodies are selected after a ``time``, or a contact ``phase``; ``auto`` takes phases for runs.
        recorded: The clip before its repair, frame by frame; errors are reported against it, too.
        controller: The muscle controller that is guided.
        tolerance: By how much the clip may give way to what is found.
    """

    cfg: TaskCfg
    body: Body
    clip: MotionClip
    total: int
    condition: Condition
    begin: Condition
    bodies: int
    passes: int
    seed: int
    search: SearchCfg = field(default_factory=SearchCfg)
    windows: str = "time"
    tolerance: Tolerance = field(default_factory=Tolerance)
    recorded: MotionClip | None = None
    controller: ControllerCfg = field(default_factory=ControllerCfg)

    def stages(self) -> list[Condition]:
        """Return the conditions on the way to the one that is asked for."""
        begin, end = asdict(self.begin), asdict(self.condition)
        count = max(math.ceil(abs(begin[name] - end[name]) / step - 1e-9) for name, step in _STEPS.items())
        ways = {name: np.linspace(begin[name], end[name], count + 1).round(4).tolist() for name in _STEPS}
        values = [dict(zip(ways, each, strict=True)) for each in zip(*ways.values(), strict=True)]
        return [replace(self.condition, **each) for each in values]

    def total_at(self, condition: Condition) -> int:
        """Return the control steps of the clip at the speed of a condition."""
        return round(self.total / condition.speed)

    @cached_property
    def unrolled(self) -> MotionClip:
        """The clip as it is, its cycles one after another."""
        if not self.clip.cyclic:
            return self.clip
        reference = ReferenceMotion(self.clip, self.body, self.clip.fps, torch.device("cpu"))
        qpos, qvel = (values.numpy() for values in reference.state(torch.arange(self.total + 3)))
        once = replace(self.clip, qpos=qpos, qvel=qvel, cyclic=False, cycle_displacement=np.zeros(3))
        return replace(once, joint_center_names=(), joint_centers=None)

    def identity(self) -> str:
        """Return what a search that goes on must have in common with the one before, as JSON."""
        content = hashlib.sha256(np.ascontiguousarray(self.clip.qpos).tobytes()).hexdigest()[:12]
        clip = {"clip": self.clip.name, "frames": self.clip.num_frames, "content": content}
        own = {"body": self.body.name, "steps": self.total, "windows": self.windows, "tolerance": str(self.tolerance)}
        objective = self.controller.decoder.objective
        own |= {"objective": objective}
        if self.controller != ControllerCfg(decoder=DecoderCfg(objective=objective)):
            own |= {"controller": hashlib.sha256(repr(self.controller).encode()).hexdigest()[:12]}
        begin = {f"begin_{name}": value for name, value in asdict(self.begin).items()}
        values = {"bodies": self.bodies, "seed": self.seed, **asdict(self.condition), **begin}
        return json.dumps(clip | own | values, sort_keys=True)
