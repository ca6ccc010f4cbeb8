"""Spatiotemporal parameters of gait."""

from dataclasses import dataclass

import numpy as np

from msemu.analysis.mechanics.gait_cycles import SIDES, cycles_of
from msemu.analysis.mechanics.movement import MechanicalMovement
from msemu.models.anatomy.landmarks import LANDMARKS
from msemu.motion.geometry import landmark_path


@dataclass(frozen=True)
class GaitParameters:
    """Means over all whole cycles of both feet.

    Attributes:
        cycles: Number of cycles.
        speed_m_s: Distance of the pelvis over time, within the cycles [m/s].
        cadence_steps_min: Steps in a minute.
        stride_length_m: Distance of the pelvis in a cycle [m].
        step_length_m: How far a foot strikes before the other, along the way; right and left [m].
        stance: Share of the cycle in which a foot is loaded [-].
    """

    cycles: int
    speed_m_s: float
    cadence_steps_min: float
    stride_length_m: float
    step_length_m: dict[str, float]
    stance: float

    @classmethod
    def of(cls, movement: MechanicalMovement) -> "GaitParameters | None":
        """Measure a movement; None if no foot makes a whole cycle."""
        spans = {side: cycles_of(movement, side) for side in SIDES}
        every = [frames for side in SIDES for frames in spans[side]]
        if not every:
            return None
        strides = [_way(movement, frames) for frames in every]
        durations = np.array([(len(frames) - 1) / movement.fps for frames in every])
        lengths = np.linalg.norm(strides, axis=1)
        loaded = [
            movement.ground.is_loaded[frames[:-1], movement.ground.regions.index(f"foot_{side}")].mean()
            for side in SIDES
            for frames in spans[side]
        ]
        return cls(
            cycles=len(every),
            speed_m_s=float(lengths.sum() / durations.sum()),
            cadence_steps_min=float(120.0 / durations.mean()),
            stride_length_m=float(lengths.mean()),
            step_length_m=_step_lengths(movement, spans),
            stance=float(np.mean(loaded)),
        )


def _way(movement: MechanicalMovement, frames: np.ndarray) -> np.ndarray:
    """Return how far the pelvis goes in a cycle, forward and to the left [m], over the end of one that repeats too."""
    first, last = frames[0], frames[-1]
    way = movement.qpos[last, :2] - movement.qpos[first, :2]
    return way + movement.qvel[:, :2].sum(0) / movement.fps if last <= first else way


def _step_lengths(movement: MechanicalMovement, spans: dict[str, list[np.ndarray]]) -> dict[str, float]:
    """Return how far each foot's ankle is before the other's when it strikes, along the way of its cycle [m]."""
    ankles = landmark_path(movement.body, movement.qpos)[0][:, [LANDMARKS.index(f"ankle_{side}") for side in "rl"]]
    steps = {}
    for place, side in enumerate("rl"):
        ways = [_way(movement, frames) for frames in spans[side]]
        ahead = [ankles[frames[0], place, :2] - ankles[frames[0], 1 - place, :2] for frames in spans[side]]
        if ways:
            along = [step @ way / max(np.linalg.norm(way), 1e-9) for step, way in zip(ahead, ways, strict=True)]
            steps[side] = float(np.mean(along))
    return steps
